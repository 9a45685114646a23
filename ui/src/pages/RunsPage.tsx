// All runs: searched, filtered, newest first, and kept up to date.
import { useEffect, useState } from "preact/hooks";
import { call, type Query } from "../api/client";
import type { ThreadStatus, WfRunHead } from "../api/types";
import { useChanges, useRead } from "../base/read";
import { ask, go, Link, part, usePlace } from "../base/router";
import { Empty, Loaded } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { More, usePager } from "../parts/pager";
import { useSettled } from "../parts/Palette";
import { isMoving, RunStatus, Status } from "../parts/status";
import { Lasted, Moment } from "../parts/times";
import { SearchField, Table } from "../parts/listing";
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
const SPANS: [string, string][] = [
  ["", "Any time"],
  ["3600", "Last hour"],
  ["86400", "Last day"],
  ["604800", "Last week"],
  ["2592000", "Last 30 days"],
];

type Words = Query<"GET /v1/wf-runs">;

/** What the address asks for, as the API takes it. */
export function wordsOf(query: URLSearchParams): Words {
  const words: Words = { order: "newest", limit: PAGE };
  const text = query.get("q");
  const wfSpec = query.get("wf_spec");
  const within = Number(query.get("within"));
  const parent = query.get("parent");
  if (text) words.q = text;
  if (wfSpec) words.wf_spec = wfSpec;
  if (parent) words.trigger_wf_run_id = parent;
  if (query.has("status")) words.status = query.getAll("status") as ThreadStatus[];
  if (query.has("label")) words.label = query.getAll("label");
  if (query.get("child") === "MAIN" || query.get("child") === "CHILD")
    words.child_filter = query.get("child") as "MAIN" | "CHILD";
  if (within)
    words.started_after = new Date(
      Math.floor(Date.now() / 60_000) * 60_000 - within * 1000,
    ).toISOString();
  return words;
}

export function RunsPage() {
  const { query } = usePlace();
  const [bulk, setBulk] = useState(false);
  useEffect(() => void (document.title = "Runs · Penstock"), []);
  const filtered = query.size > 0;
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
  const [text, setText] = useState(query.get("q") ?? "");
  const settled = useSettled(text, 250);
  useEffect(() => {
    if (settled !== (query.get("q") ?? "")) ask({ q: settled });
  }, [settled]);
  useEffect(() => {
    if ((query.get("q") ?? "") !== settled) setText(query.get("q") ?? "");
  }, [query.get("q")]);
  const specs = useRead("specs", (signal) =>
    call("GET /v1/wf-specs", { query: { limit: 1000 }, signal }),
  );
  const chosen = query.getAll("status");
  const toggle = (status: string) =>
    ask({
      status: chosen.includes(status)
        ? chosen.filter((one) => one !== status)
        : [...chosen, status],
    });
  return (
    <div class="filters">
      <SearchField
        label="Search runs"
        hint="Id, workflow or label"
        value={text}
        onInput={setText}
      />
      <select
        aria-label="Workflow"
        value={query.get("wf_spec") ?? ""}
        onChange={(event) => ask({ wf_spec: event.currentTarget.value })}
      >
        <option value="">Any workflow</option>
        {(specs.data?.items ?? []).map((one) => (
          <option key={one.name}>{one.name}</option>
        ))}
      </select>
      <select
        aria-label="Started"
        value={query.get("within") ?? ""}
        onChange={(event) => ask({ within: event.currentTarget.value })}
      >
        {SPANS.map(([value, title]) => (
          <option key={value} value={value}>
            {title}
          </option>
        ))}
      </select>
      <select
        aria-label="Child runs"
        value={query.get("child") ?? ""}
        onChange={(event) => ask({ child: event.currentTarget.value })}
      >
        <option value="">With child runs</option>
        <option value="MAIN">Without child runs</option>
        <option value="CHILD">Only child runs</option>
      </select>
      <LabelFilter chosen={query.getAll("label")} />
      <div class="chips" role="group" aria-label="Statuses">
        {STATUSES.map((status) => (
          <button
            key={status}
            type="button"
            class="chip"
            aria-pressed={chosen.includes(status)}
            onClick={() => toggle(status)}
          >
            <Status of={status} />
          </button>
        ))}
      </div>
    </div>
  );
}

function LabelFilter(props: { chosen: string[] }) {
  const [text, setText] = useState("");
  const add = (event: Event) => {
    event.preventDefault();
    if (text.includes(":")) ask({ label: [...props.chosen, text.trim()] });
    setText("");
  };
  return (
    <form class="labels" onSubmit={add}>
      {props.chosen.map((one) => (
        <button
          key={one}
          type="button"
          class="label-chip"
          title="Take this label away"
          onClick={() => ask({ label: props.chosen.filter((other) => other !== one) })}
        >
          {one} <Icon name="close" />
        </button>
      ))}
      <input
        aria-label="Add a label, as key:value"
        placeholder="label: key:value"
        pattern="[^:]+:.*"
        title="key:value"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
    </form>
  );
}

/** A list of runs that a query names; also part of other pages. */
export function RunTable(props: { query: URLSearchParams; plain?: boolean }) {
  const words = wordsOf(props.query);
  const key = JSON.stringify(words);
  const read = useRead(`runs ${key}`, (signal) =>
    call("GET /v1/wf-runs", { query: words, signal }),
  );
  useChanges("/v1/changes/follow", read.reload, LOOK_AGAIN_MS);
  const pager = usePager<WfRunHead>(read.data, key, (cursor) =>
    call("GET /v1/wf-runs", { query: { ...words, cursor } }),
  );
  const filtered = [...props.query.keys()].some((one) => one !== "tab");
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
            <Table
              kind="runs"
              columns={[
                "Status",
                "Run",
                "Workflow",
                ["Labels", "of-labels"],
                "Started",
                ["Duration", "right"],
              ]}
            >
              {pager.items.map((run) => (
                <RunRow key={run.wf_run_id} run={run} plain={props.plain ?? false} />
              ))}
            </Table>
            {data.whole === false && pager.cursor !== null && (
              <p class="hint">
                Newest first among the runs looked at so far; “Show more” looks further.
              </p>
            )}
            <More pager={pager} />
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
          <small class="faint">v{run.version}</small>
        </td>
      )}
      <td>
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
