// All runs: searched, filtered, newest first, and kept up to date.
import { useEffect, useState } from "preact/hooks";
import { call, type Query } from "../api/client";
import type { ThreadStatus, WfRunHead } from "../api/types";
import { askedOfRuns, RUNS } from "../base/filters";
import { useChanges, useRead } from "../base/read";
import { go, Link, part, usePlace } from "../base/router";
import { Empty, Loaded } from "../parts/feedback";
import {
  ChildFilter,
  LabelFilter,
  MoreFilters,
  StatusFilter,
  TextFilter,
  TimeFilter,
  VariableFilter,
  WorkflowFilter,
} from "../parts/filters";
import { Icon } from "../parts/icons";
import { More, usePager } from "../parts/pager";
import { isMoving, RunStatus } from "../parts/status";
import { Lasted, Moment } from "../parts/times";
import { Table } from "../parts/listing";
import { BulkDialog } from "./runs/BulkDialog";
import { SavedViews } from "./runs/SavedViews";

const STATUSES: ThreadStatus[] = [
  "RUNNING",
  "HALTING",
  "HALTED",
  "COMPLETED",
  "ERROR",
  "EXCEPTION",
];
const PAGE = 50;
const LOOK_AGAIN_MS = 1500;

type Words = Query<"GET /v1/wf-runs">;

/** What the address asks for, as the API takes it. */
function wordsOf(query: URLSearchParams): Words {
  const asked = askedOfRuns<Words>(query, RUNS, 0);
  // What the index of values finds comes by ids, which can not be put in another order.
  return { ...(asked.variable ? {} : { order: "newest" }), limit: PAGE, ...asked };
}

export function RunsPage() {
  const { query } = usePlace();
  const [bulk, setBulk] = useState(false);
  useEffect(() => void (document.title = "Runs · Penstock"), []);
  const filtered = Object.keys(askedOfRuns<Words>(query, RUNS, 0)).length > 0;
  return (
    <>
      <div class="head">
        <h1>Runs</h1>
        <div class="push">
          <button
            type="button"
            disabled={!filtered}
            title={
              filtered
                ? "Do something to all runs that match"
                : "Filter the list first: it is about the runs that match"
            }
            onClick={() => setBulk(true)}
          >
            <Icon name="layers" /> Bulk action
          </button>
        </div>
      </div>
      <SavedViews query={query} />
      <Filters query={query} />
      {bulk && <BulkDialog words={wordsOf(query)} onClose={() => setBulk(false)} />}
      <RunTable query={query} />
    </>
  );
}

function Filters(props: { query: URLSearchParams }) {
  const { query } = props;
  return (
    <div class="filters">
      <TextFilter label="Search runs" hint="Id, workflow or label" query={query} />
      <WorkflowFilter query={query} />
      <TimeFilter within={0} query={query} />
      <ChildFilter query={query} />
      <LabelFilter query={query} />
      <MoreFilters names={["variable"]} query={query}>
        <VariableFilter query={query} />
      </MoreFilters>
      <StatusFilter label="Statuses" statuses={STATUSES} query={query} />
    </div>
  );
}

/** A list of runs that a query names; also part of other pages. */
export function RunTable(props: { query: URLSearchParams; plain?: boolean }) {
  const words = wordsOf(props.query);
  const key = props.query.toString(); // not the words: a span that ends now goes on
  const read = useRead(`runs ${key}`, (signal) =>
    call("GET /v1/wf-runs", { query: words, signal }),
  );
  useChanges("/v1/changes/follow", read.reload, LOOK_AGAIN_MS);
  const pager = usePager<WfRunHead>(read.data, key, (cursor) =>
    call("GET /v1/wf-runs", { query: { ...words, cursor } }),
  );
  const filtered = props.query.size > 0;
  return (
    <Loaded of={read}>
      {(data) =>
        pager.items.length === 0 && pager.cursor === null ? (
          <Empty title={filtered ? "No runs that match" : "No runs yet"}>
            {filtered
              ? "Take a filter away, or look at another time."
              : "Start one from the page of its workflow, by the command line or by the API."}
          </Empty>
        ) : (
          <>
            {Boolean(data.missing?.length) && (
              <p class="hint bad">
                Partitions {data.missing?.join(", ")} are stopped: their runs are missing here.
              </p>
            )}
            {words.variable && (
              <p class="hint">In order of their ids: runs with a value are found by these.</p>
            )}
            <Table
              kind="runs"
              columns={[
                "Status",
                "Run",
                "Workflow",
                ["Labels", "less"],
                "Started",
                ["Duration", "right"],
              ]}
            >
              {pager.items.map((run) => (
                <RunRow key={run.wf_run_id} run={run} plain={props.plain ?? false} />
              ))}
            </Table>
            <More pager={pager} whole={data.whole} />
          </>
        )
      }
    </Loaded>
  );
}

function RunRow(props: { run: WfRunHead; plain: boolean }) {
  const { run } = props;
  const to = `/runs/${part(run.wf_run_id)}`;
  const open = (event: MouseEvent) => {
    if (event.target instanceof Element && !event.target.closest("a, button")) go(to);
  };
  return (
    <tr class="click" onClick={open}>
      <td>
        <RunStatus run={run} />
      </td>
      <td class="mono">
        <Link to={to} class="cut id">
          {run.wf_run_id}
        </Link>
      </td>
      {!props.plain && (
        <td>
          <Link to={`/workflows/${part(run.wf_spec)}`} class="plain">
            {run.wf_spec}
          </Link>{" "}
          <small class="faint version">v{run.version}</small>
        </td>
      )}
      <td class="less">
        <Labels of={run.labels} />
      </td>
      <td class="num">
        <Moment at={run.started_at} />
      </td>
      <td class="right">
        <Lasted
          from={run.started_at}
          to={run.ended_at}
          runs={!run.ended_at && isMoving(run.status)}
        />
      </td>
    </tr>
  );
}

export function Labels(props: { of: Record<string, string> }) {
  const entries = Object.entries(props.of);
  return (
    <span class="label-list">
      {entries.slice(0, 4).map(([key, value]) => (
        <Link
          key={key}
          to={`/runs?label=${part(`${key}:${value}`)}`}
          class="label"
          title={`${key}: ${value}`}
        >
          <b>{key}</b> {value}
        </Link>
      ))}
      {entries.length > 4 && <span class="faint">+{entries.length - 4}</span>}
    </span>
  );
}
