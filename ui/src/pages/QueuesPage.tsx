// Task queues: for each TaskDef what waits and since when, its breaker, and the ways to its task runs.
import { useEffect } from "preact/hooks";
import { call } from "../api/client";
import type { QueueShown, TaskDefShown } from "../api/types";
import { useChanges, useRead } from "../base/read";
import { ask, Link, part, usePlace } from "../base/router";
import { Empty, Loaded, notify } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { Status } from "../parts/status";
import { Lasted, Moment } from "../parts/times";
import { SearchField, Table } from "../parts/listing";

const PAGE = 1000;
const LOOK_AGAIN_MS = 3000;

export function QueuesPage() {
  useEffect(() => void (document.title = "Task queues · Penstock"), []);
  const chosen = usePlace().query.get("task_def") ?? "";
  const read = useRead("task defs", (signal) =>
    call("GET /v1/task-defs", { query: { limit: PAGE }, signal }),
  );
  const depths = useRead("task queues", async (signal) => {
    const page = await call("GET /v1/task-queues", { query: { limit: PAGE }, signal });
    return new Map(page.items.map((one) => [one.task_def, one]));
  });
  // Counting takes its time where there are many: it is not begun anew before it is done.
  useChanges("/v1/changes/follow", () => depths.loading || depths.reload(), LOOK_AGAIN_MS);
  return (
    <>
      <div class="head">
        <h1>Task queues</h1>
      </div>
      <div class="filters">
        <SearchField
          label="Search tasks"
          hint="Name"
          value={chosen}
          onInput={(text) => ask({ task_def: text })}
        />
      </div>
      <Loaded of={read}>
        {(page) => {
          const shown = page.items.filter((one) => one.name.includes(chosen));
          if (shown.length === 0)
            return <Empty title="No tasks">A worker registers its tasks when it starts.</Empty>;
          return (
            <>
              {depths.error && <p class="hint bad">{depths.error.message}</p>}
              <Table
                kind="queues"
                columns={[
                  "Task",
                  ["Waiting", "right"],
                  ["Oldest", "right"],
                  "Breaker",
                  "Task runs",
                  ["Inputs", "of-inputs"],
                  ["Gives", "of-inputs"],
                ]}
              >
                {shown.map((one) => (
                  <QueueRow key={one.name} of={one} queue={depths.data?.get(one.name)} />
                ))}
              </Table>
            </>
          );
        }}
      </Loaded>
    </>
  );
}

function QueueRow(props: { of: TaskDefShown; queue: QueueShown | undefined }) {
  const { of, queue } = props;
  return (
    <tr>
      <td>
        <b>{of.name}</b>
        {of.description && <small class="faint block">{of.description}</small>}
      </td>
      <td class={queue?.waiting ? "right num strong" : "right num faint"}>
        {queue?.waiting ?? "–"}
      </td>
      <td class="right">
        {queue?.oldest_at ? (
          <Lasted from={queue.oldest_at} to={null} />
        ) : (
          <span class="faint">–</span>
        )}
      </td>
      <td>{of.breaker ? <Breaker name={of.name} /> : <span class="faint">none</span>}</td>
      <td class="nowrap">
        <Link to={`/task-runs?task_def=${part(of.name)}&status=TASK_SCHEDULED&status=TASK_PENDING`}>
          waiting
        </Link>
        {" · "}
        <Link to={`/task-runs?task_def=${part(of.name)}&status=TASK_RUNNING`}>at work</Link>
        {" · "}
        <Link to={`/task-runs?task_def=${part(of.name)}&status=TASK_FAILED&status=TASK_TIMEOUT`}>
          failed
        </Link>
      </td>
      <td class="mono faint of-inputs">
        {of.input_vars.map((one) => `${one.name}: ${one.type}`).join(", ") || "–"}
      </td>
      <td class="mono faint of-inputs">{of.return_type ?? "any"}</td>
    </tr>
  );
}

function Breaker(props: { name: string }) {
  const path = { task_def: props.name };
  const read = useRead(`breaker ${props.name}`, (signal) =>
    call("GET /v1/task-queues/{task_def}/breaker", { path, signal }),
  );
  const open = (read.data?.items ?? []).filter((one) => one.status !== "CLOSED");
  const close = async () => {
    try {
      await call("POST /v1/task-queues/{task_def}/actions/close", { path, body: {} });
      notify("Breaker closed");
      await read.reload();
    } catch (error) {
      notify((error as Error).message, true);
    }
  };
  if (read.error) return <span class="faint">{read.error.message}</span>;
  if (open.length === 0) return <Status of="COMPLETED" text="closed" />;
  return (
    <>
      <Status of="OPEN" text={`open on ${open.length} partitions`} />{" "}
      <small class="faint">
        {open.reduce((sum, one) => sum + one.held, 0)} held since{" "}
        <Moment at={open[0]?.changed_at} />
      </small>{" "}
      <button type="button" class="small" onClick={() => void close()}>
        <Icon name="check" /> Close
      </button>
    </>
  );
}
