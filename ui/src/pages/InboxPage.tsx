// User tasks: what waits for somebody, by whom it is and by form.
import { useEffect } from "preact/hooks";
import { call, type Query } from "../api/client";
import type { UserTaskShown, UserTaskStatus } from "../api/types";
import { useChanges, useRead } from "../base/read";
import { ask, Link, part, usePlace } from "../base/router";
import { Empty, Loaded } from "../parts/feedback";
import { More, usePager } from "../parts/pager";
import { Status } from "../parts/status";
import { Moment } from "../parts/times";
import { Table, ToRow } from "../parts/listing";

const STATUSES: UserTaskStatus[] = ["UNASSIGNED", "ASSIGNED", "DONE", "CANCELLED"];
const PAGE = 50;
const LOOK_AGAIN_MS = 1500;

type Words = Query<"GET /v1/user-task-runs">;

export function InboxPage() {
  useEffect(() => void (document.title = "User tasks · Penstock"), []);
  const { query } = usePlace();
  const words: Words = { limit: PAGE };
  const status = query.get("status") ?? "";
  if (status) words.status = [status as UserTaskStatus];
  for (const name of ["user_id", "user_group", "user_task_def"] as const) {
    const value = query.get(name);
    if (value) words[name] = value;
  }
  const key = JSON.stringify(words);
  const read = useRead(`inbox ${key}`, (signal) =>
    call("GET /v1/user-task-runs", { query: words, signal }),
  );
  useChanges("/v1/changes/follow", read.reload, LOOK_AGAIN_MS);
  const pager = usePager<UserTaskShown>(read.data, key, (cursor) =>
    call("GET /v1/user-task-runs", { query: { ...words, cursor } }),
  );
  const defs = useRead("user task defs", (signal) =>
    call("GET /v1/user-task-defs", { query: { limit: 1000 }, signal }),
  );
  return (
    <>
      <div class="head">
        <h1>User tasks</h1>
      </div>
      <div class="filters">
        <div class="chips" role="group" aria-label="Statuses">
          {STATUSES.map((one) => (
            <button
              key={one}
              type="button"
              class="chip"
              aria-pressed={status === one}
              onClick={() => ask({ status: status === one ? "" : one })}
            >
              <Status of={one} />
            </button>
          ))}
        </div>
        <input
          type="search"
          aria-label="User"
          placeholder="Of a user   ( / )"
          value={query.get("user_id") ?? ""}
          onChange={(event) => ask({ user_id: event.currentTarget.value.trim() })}
        />
        <input
          aria-label="Group"
          placeholder="Of a group"
          value={query.get("user_group") ?? ""}
          onChange={(event) => ask({ user_group: event.currentTarget.value.trim() })}
        />
        <select
          aria-label="Form"
          value={query.get("user_task_def") ?? ""}
          onChange={(event) => ask({ user_task_def: event.currentTarget.value })}
        >
          <option value="">Any form</option>
          {(defs.data?.items ?? []).map((one) => (
            <option key={one.name}>{one.name}</option>
          ))}
        </select>
      </div>
      <Loaded of={read}>
        {() =>
          pager.items.length === 0 ? (
            <Empty title="Nothing waits here" />
          ) : (
            <>
              <Table
                kind="user-tasks"
                columns={["Status", "Form", "User", "Group", "Notes", "Run", "Since"]}
              >
                {pager.items.map((one) => (
                  <InboxRow key={one.id} task={one} />
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

function InboxRow(props: { task: UserTaskShown }) {
  const { task } = props;
  const to = `/user-tasks/${part(task.wf_run_id)}/${part(task.guid)}`;
  return (
    <ToRow to={to}>
      <td>
        <Status of={task.status} />
      </td>
      <td>
        <Link to={to} class="strong">
          {task.user_task_def}
        </Link>
      </td>
      <td>{task.user_id ?? <span class="faint">–</span>}</td>
      <td>{task.user_group ?? <span class="faint">–</span>}</td>
      <td class="cut wide-cell">{task.notes}</td>
      <td class="mono">
        <Link to={`/runs/${part(task.wf_run_id)}`} class="cut id plain">
          {task.wf_run_id}
        </Link>
      </td>
      <td class="num">
        <Moment at={task.scheduled_at} />
      </td>
    </ToRow>
  );
}
