// Schedules: made, changed, paused, let go on, deleted; when they are due, what came of the last times.
import { useEffect, useState } from "preact/hooks";
import { call } from "../api/client";
import type { ScheduleShown } from "../api/types";
import { useChanges, useRead } from "../base/read";
import { ask, Link, part, usePlace } from "../base/router";
import { Confirm } from "../parts/dialog";
import { Empty, Loaded, notify } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { More, usePager } from "../parts/pager";
import { Status } from "../parts/status";
import { Moment } from "../parts/times";
import { Table } from "../parts/listing";
import { remove } from "./schedules/schedule";
import { ScheduleForm } from "./schedules/ScheduleForm";

const PAGE = 100;
const LOOK_AGAIN_MS = 3000;
const FIRINGS = 5;

type Shown = { what: "make" } | { what: "edit" | "delete"; of: ScheduleShown };

export function SchedulesPage() {
  useEffect(() => void (document.title = "Schedules · Penstock"), []);
  const read = useRead("schedules", (signal) =>
    call("GET /v1/schedules", { query: { limit: PAGE }, signal }),
  );
  useChanges("/v1/changes/follow", read.reload, LOOK_AGAIN_MS);
  const pager = usePager<ScheduleShown>(read.data, "", (cursor) =>
    call("GET /v1/schedules", { query: { limit: PAGE, cursor } }),
  );
  const { query } = usePlace();
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
      <Loaded of={read}>
        {() =>
          pager.items.length === 0 ? (
            <Empty title="No schedules">
              A schedule starts runs by cron, or one at one moment.
            </Empty>
          ) : (
            <>
              <Table
                kind="schedules"
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

function ScheduleRow(props: {
  of: ScheduleShown;
  reload: () => Promise<void>;
  show: (shown: Shown) => void;
}) {
  const { of } = props;
  const path = { schedule_id: of.schedule_id };
  const done = async (what: string, doing: Promise<unknown>) => {
    try {
      await doing;
      notify(what);
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
      <td>
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
        {of.status === "ACTIVE" && (
          <button
            type="button"
            class="small"
            onClick={() =>
              void done(
                "Paused",
                call("POST /v1/schedules/{schedule_id}/actions/pause", {
                  path,
                  body: {},
                }),
              )
            }
          >
            <Icon name="pause" /> Pause
          </button>
        )}
        {of.status === "PAUSED" && (
          <button
            type="button"
            class="small"
            onClick={() =>
              void done(
                "Goes on",
                call("POST /v1/schedules/{schedule_id}/actions/resume", {
                  path,
                  body: {},
                }),
              )
            }
          >
            <Icon name="run" /> Resume
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
