// Task queues: for each TaskDef what waits and since when, its workers, its breaker, and the ways
// to its task runs.
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
import { WorkerCount, Workers } from "./queues/Workers";

const PAGE = 1000;
const LOOK_AGAIN_MS = 3000;
/** In a longer list only queues in which something waits have their workers looked up. */
const WORKERS_ASKED_MAX = 40;

export function QueuesPage() {
  useEffect(() => void (document.title = "Task queues · Penstock"), []);
  const { query } = usePlace();
  const [chosen, open] = [query.get("task_def") ?? "", query.get("queue")];
  const read = useRead("task defs", (signal) =>
    call("GET /v1/task-defs", { query: { limit: PAGE }, signal }),
  );
  const depths = useRead("task queues", async (signal) => {
    const page = await call("GET /v1/task-queues", { query: { limit: PAGE }, signal });
    return new Map(page.items.map((one) => [one.task_def, one]));
  });
  useChanges("/v1/changes/follow", depths.reload, LOOK_AGAIN_MS);
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
      <div class={open ? "split" : ""}>
        <div class="split-main">
          {depths.error && <p class="hint bad">{depths.error.message}</p>}
          <Loaded of={read}>
            {(page) => (
              <Queues
                items={page.items.filter((one) => one.name.includes(chosen))}
                depths={depths.data}
                open={open}
              />
            )}
          </Loaded>
        </div>
        {open && <Workers key={open} name={open} stamp={depths.data} />}
      </div>
    </>
  );
}

function Queues(props: {
  items: TaskDefShown[];
  depths: Map<string, QueueShown> | undefined;
  open: string | null;
}) {
  const { items, depths, open } = props;
  if (items.length === 0)
    return <Empty title="No tasks">A worker registers its tasks when it starts.</Empty>;
  return (
    <Table
      kind="queues"
      columns={[
        "Task",
        ["Waiting", "right"],
        ["Oldest", "right"],
        ["Workers", "right"],
        "Breaker",
        "Task runs",
        ["Inputs", "less"],
        ["Gives", "less"],
      ]}
    >
      {items.map((one) => (
        <QueueRow
          key={one.name}
          of={one}
          queue={depths?.get(one.name)}
          few={items.length <= WORKERS_ASKED_MAX}
          chosen={one.name === open}
        />
      ))}
    </Table>
  );
}

function QueueRow(props: {
  of: TaskDefShown;
  queue: QueueShown | undefined;
  few: boolean;
  chosen: boolean;
}) {
  const { of, queue, chosen } = props;
  return (
    <tr class={chosen ? "chosen" : ""}>
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
      <td class="right num">
        {props.few || chosen || queue?.waiting ? (
          <WorkerCount name={of.name} chosen={chosen} waiting={queue?.waiting ? queue : null} />
        ) : (
          <button
            type="button"
            class="link"
            aria-label={`look at the workers of ${of.name}`}
            onClick={() => ask({ queue: of.name })}
          >
            look
          </button>
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
      <td class="mono faint less">
        {of.input_vars.map((one) => `${one.name}: ${one.type}`).join(", ") || "–"}
      </td>
      <td class="mono faint less">{of.return_type ?? "any"}</td>
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
