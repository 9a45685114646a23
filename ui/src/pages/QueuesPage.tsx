// Task queues: for each TaskDef its breaker, and its task runs that wait or are at work.
import { useEffect } from "preact/hooks";
import { call } from "../api/client";
import type { TaskDefShown } from "../api/types";
import { useRead } from "../base/read";
import { ask, Link, part, usePlace } from "../base/router";
import { Empty, Loaded, notify } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { Status } from "../parts/status";
import { Moment } from "../parts/times";
import { Table } from "../parts/listing";

export function QueuesPage() {
  useEffect(() => void (document.title = "Task queues · Penstock"), []);
  const chosen = usePlace().query.get("task_def") ?? "";
  const read = useRead("task defs", (signal) =>
    call("GET /v1/task-defs", { query: { limit: 1000 }, signal }),
  );
  return (
    <>
      <div class="head">
        <h1>Task queues</h1>
      </div>
      <div class="filters">
        <input
          type="search"
          aria-label="Search tasks"
          placeholder="Name   ( / )"
          value={chosen}
          onInput={(event) => ask({ task_def: event.currentTarget.value })}
        />
      </div>
      <Loaded of={read}>
        {(page) => {
          const shown = page.items.filter((one) => one.name.includes(chosen));
          if (shown.length === 0)
            return <Empty title="No tasks">A worker registers its tasks when it starts.</Empty>;
          return (
            <Table kind="queues" columns={["Task", "Inputs", "Gives", "Breaker", "Task runs"]}>
              {shown.map((one) => (
                <QueueRow key={one.name} of={one} />
              ))}
            </Table>
          );
        }}
      </Loaded>
    </>
  );
}

function QueueRow(props: { of: TaskDefShown }) {
  const { of } = props;
  return (
    <tr>
      <td>
        <b>{of.name}</b>
        {of.description && <small class="faint block">{of.description}</small>}
      </td>
      <td class="mono faint">
        {of.input_vars.map((one) => `${one.name}: ${one.type}`).join(", ") || "–"}
      </td>
      <td class="mono faint">{of.return_type ?? "any"}</td>
      <td>{of.breaker ? <Breaker name={of.name} /> : <span class="faint">none</span>}</td>
      <td>
        <Link to={`/task-runs?task_def=${part(of.name)}&state=TASK_SCHEDULED&state=TASK_PENDING`}>
          waiting
        </Link>
        {" · "}
        <Link to={`/task-runs?task_def=${part(of.name)}&state=TASK_RUNNING`}>at work</Link>
        {" · "}
        <Link to={`/task-runs?task_def=${part(of.name)}&state=TASK_FAILED&state=TASK_TIMEOUT`}>
          failed
        </Link>
      </td>
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
