// Schedules: made, changed, paused, let go on, deleted; when they are due, and what has come of the
// last times.
import { useEffect, useState } from "preact/hooks";
import { call, type Query } from "../api/client";
import type { ScheduleShown, ScheduleStatus } from "../api/types";
import { SCHEDULES, wordsIn } from "../base/filters";
import { useChanges, useRead } from "../base/read";
import { ask, Link, part, usePlace } from "../base/router";
import { Confirm } from "../parts/dialog";
import { Empty, Loaded, notify } from "../parts/feedback";
import { StatusFilter, WorkflowFilter } from "../parts/filters";
import { Icon, type IconName } from "../parts/icons";
import { More, usePager } from "../parts/pager";
import { Status } from "../parts/status";
import { Moment } from "../parts/times";
import { Table } from "../parts/listing";
import { remove } from "./schedules/schedule";
import { ScheduleForm } from "./schedules/ScheduleForm";

const PAGE = 100;
const LOOK_AGAIN_MS = 3000;
const FIRINGS = 5;
const STATUSES: ScheduleStatus[] = ["ACTIVE", "PAUSED", "FAILED", "ENDED"];

type Words = Query<"GET /v1/schedules">;

type Shown = { what: "make" } | { what: "edit" | "delete"; of: ScheduleShown };

export function SchedulesPage() {
  useEffect(() => void (document.title = "Schedules · Penstock"), []);
  const { query } = usePlace();
  const words: Words = { limit: PAGE, ...wordsIn<Words>(query, SCHEDULES) };
  const key = JSON.stringify(words);
  const read = useRead(`schedules ${key}`, (signal) =>
    call("GET /v1/schedules", { query: words, signal }),
  );
  useChanges("/v1/changes/follow", read.reload, LOOK_AGAIN_MS);
  const pager = usePager<ScheduleShown>(read.data, key, (cursor) =>
    call("GET /v1/schedules", { query: { ...words, cursor } }),
  );
  const [shown, setShown] = useState<Shown | null>(null);
  const wfSpec = query.get("make"); // the page of a workflow leads here
  const making = shown?.what === "make" || wfSpec !== null;
  const close = () => (setShown(null), wfSpec !== null && ask({ make: "" }));
  return (
    <>
      <div class="head">
        <h1>Schedules</h1>
        <div class="push">
          <button type="button" class="primary" onClick={() => setShown({ what: "make" })}>
            <Icon name="plus" /> New schedule
          </button>
        </div>
      </div>
      {(making || shown?.what === "edit") && (
        <ScheduleForm
          was={shown?.what === "edit" ? shown.of : null}
          wfSpec={wfSpec ?? ""}
          onClose={close}
          onDone={read.reload}
        />
      )}
      {shown?.what === "delete" && (
        <Confirm
          title={`Delete ${shown.of.schedule_id}`}
          verb="Delete"
          onClose={close}
          onDo={async () => {
            await remove(shown.of.schedule_id);
            notify("Schedule deleted");
            await read.reload();
          }}
        >
          It starts nothing more, and is forgotten. Runs that it has started stay.
        </Confirm>
      )}
      <div class="filters">
        <WorkflowFilter query={query} />
        <StatusFilter label="Statuses" statuses={STATUSES} query={query} />
      </div>
      <Loaded of={read}>
        {() =>
          pager.items.length === 0 ? (
            <Empty title={query.size ? "No schedules that match" : "No schedules"}>
              A schedule starts runs by cron, or one at one moment.
            </Empty>
          ) : (
            <>
              <Table
                kind="schedules"
                cards
                columns={[
                  "Status",
                  "Schedule",
                  "Workflow",
                  "When",
                  "Next",
                  "Last times",
                  ["", "act"],
                ]}
              >
                {pager.items.map((one) => (
                  <ScheduleRow
                    key={one.schedule_id}
                    of={one}
                    reload={read.reload}
                    show={setShown}
                  />
                ))}
              </Table>
              <More pager={pager} />
            </>
          )
        }
      </Loaded>
    </>
  );
}

interface Move {
  verb: "pause" | "resume";
  title: string;
  told: string;
  icon: IconName;
}

const MOVES: Partial<Record<ScheduleStatus, Move>> = {
  ACTIVE: { verb: "pause", title: "Pause", told: "Paused", icon: "pause" },
  PAUSED: { verb: "resume", title: "Resume", told: "Goes on", icon: "run" },
};

function ScheduleRow(props: {
  of: ScheduleShown;
  reload: () => Promise<void>;
  show: (shown: Shown) => void;
}) {
  const { of } = props;
  const move = MOVES[of.status];
  const done = async ({ verb, told }: Move) => {
    try {
      const path = { schedule_id: of.schedule_id };
      await call(`POST /v1/schedules/{schedule_id}/actions/${verb}` as const, { path, body: {} });
      notify(told);
      await props.reload();
    } catch (error) {
      notify((error as Error).message, true);
    }
  };
  return (
    <tr>
      <td>
        <Status of={of.status} />
        {of.reason && <small class="faint"> {of.reason}</small>}
      </td>
      <td class="mono cut id">{of.schedule_id}</td>
      <td>
        <Link to={`/workflows/${part(of.wf_spec)}`} class="plain">
          {of.wf_spec}
        </Link>
      </td>
      <td class="nowrap">
        {of.cron ? (
          <>
            <code>{of.cron}</code> <small class="faint">{of.time_zone}</small>
          </>
        ) : (
          <Moment at={of.at} full />
        )}
      </td>
      <td class="num">
        <Moment at={of.next_at[0]} full />
      </td>
      <td>
        {of.firings.slice(0, FIRINGS).map((one) =>
          one.wf_run_id ? (
            <Link
              key={one.due_at}
              to={`/runs/${part(one.wf_run_id)}`}
              class="plain firing"
              title={one.message}
            >
              <Status of={one.outcome} />
            </Link>
          ) : (
            <span key={one.due_at} class="firing" title={one.message}>
              <Status of={one.outcome} />
            </span>
          ),
        )}
      </td>
      <td class="act">
        {move && (
          <button
            type="button"
            class="small"
            aria-label={move.title}
            title={move.title}
            onClick={() => void done(move)}
          >
            <Icon name={move.icon} /> <span class="word">{move.title}</span>
          </button>
        )}
        <button
          type="button"
          class="ghost"
          aria-label={`Edit ${of.schedule_id}`}
          title="Edit"
          onClick={() => props.show({ what: "edit", of })}
        >
          <Icon name="edit" />
        </button>
        <button
          type="button"
          class="ghost"
          aria-label={`Delete ${of.schedule_id}`}
          title="Delete"
          onClick={() => props.show({ what: "delete", of })}
        >
          <Icon name="trash" />
        </button>
      </td>
    </tr>
  );
}
