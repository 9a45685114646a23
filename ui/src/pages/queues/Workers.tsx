// The workers of a TaskDef: how many in the list; beside it who they are, and how much each has at
// work.
import { call } from "../../api/client";
import type { TaskRunShown, WorkerShown } from "../../api/types";
import { useAgain, useRead } from "../../base/read";
import { ask, Link, part } from "../../base/router";
import { Loaded } from "../../parts/feedback";
import { Icon } from "../../parts/icons";
import { Table } from "../../parts/listing";
import { Lasted, Moment } from "../../parts/times";

const AT_WORK_MAX = 1000;

const workersOf = (name: string, signal: AbortSignal) =>
  call("GET /v1/task-queues/{task_def}/workers", { path: { task_def: name }, signal });

/** How many there are, as a way to who they are; read anew as long as something waits for them. */
export function WorkerCount(props: { name: string; chosen: boolean; waiting: object | null }) {
  const { name, waiting } = props;
  const read = useRead(`workers ${name}`, (signal) => workersOf(name, signal));
  useAgain(read, waiting);
  const count = read.data?.items.length;
  const shown = read.error ? "?" : (count ?? "…");
  return (
    <button
      type="button"
      class={count === 0 && waiting ? "link bad" : "link"}
      aria-label={`${shown} workers of ${name}`}
      aria-pressed={props.chosen}
      title={read.error?.message ?? "Who they are"}
      onClick={() => ask({ queue: props.chosen ? "" : name })}
    >
      {shown}
    </button>
  );
}

export function Workers(props: { name: string; stamp: unknown }) {
  const { name } = props;
  const read = useRead(`workers at work ${name}`, async (signal) => {
    const query = { task_def: name, status: ["TASK_RUNNING"], limit: AT_WORK_MAX };
    const [workers, running] = await Promise.all([
      workersOf(name, signal),
      call("GET /v1/task-runs", { query, signal }),
    ]);
    return { known: workers.items, atWork: byWorker(running.items), whole: running.whole };
  });
  useAgain(read, props.stamp);
  return (
    <aside class="inspector" aria-label={`Workers of ${name}`}>
      <header>
        <h2 class="cut">Workers of {name}</h2>
        <button
          type="button"
          class="ghost close"
          aria-label="Close"
          onClick={() => ask({ queue: "" })}
        >
          <Icon name="close" />
        </button>
      </header>
      <Loaded of={read}>
        {({ known, atWork, whole }) => {
          const others = [...atWork.keys()].filter((one) => !known.some((w) => w.worker === one));
          if (known.length + others.length === 0)
            return <p class="hint">Nobody has asked for its tasks in the last minute.</p>;
          return (
            <>
              <Table
                kind="workers"
                columns={["Worker", "Asks", ["At work", "right"], ["Slots", "right"]]}
              >
                {known.map((one) => (
                  <tr key={`${one.via} ${one.worker} ${one.host}`}>
                    <td class="mono cut" title={one.host ?? undefined}>
                      {one.worker}
                    </td>
                    <td>
                      <Asks of={one} />
                    </td>
                    <td class="right">
                      <AtWork tasks={atWork.get(one.worker)} />
                    </td>
                    <td class={one.slots === null ? "right faint" : "right num"}>
                      {one.slots ?? "–"}
                    </td>
                  </tr>
                ))}
                {others.map((one) => (
                  <tr key={`other ${one}`}>
                    <td class="mono cut">{one || "?"}</td>
                    <td class="faint">not now</td>
                    <td class="right">
                      <AtWork tasks={atWork.get(one)} />
                    </td>
                    <td class="right faint">–</td>
                  </tr>
                ))}
              </Table>
              <p class="hint">
                {whole === false && "More may be at work than was looked at. "}
                Slots are for all tasks of a worker together, and it has to say how many it has. One
                whose slots are all taken does not ask.
              </p>
              <p>
                <Link to={`/task-runs?task_def=${part(name)}&status=TASK_RUNNING`}>
                  Task runs at work
                </Link>
              </p>
            </>
          );
        }}
      </Loaded>
    </aside>
  );
}

function Asks(props: { of: WorkerShown }) {
  const { of } = props;
  if (of.via === "kafka") return <>over Kafka, {of.partitions} partitions</>;
  if (of.polled_at === null) return <>now</>;
  return (
    <>
      last <Moment at={of.polled_at} />
    </>
  );
}

function AtWork(props: { tasks: TaskRunShown[] | undefined }) {
  const { tasks = [] } = props;
  if (tasks.length === 0) return <span class="faint">–</span>;
  const since = tasks.map((one) => one.attempts.at(-1)?.started_at ?? "").sort()[0];
  return (
    <>
      {tasks.length} <small class="faint">for up to</small> <Lasted from={since} to={null} runs />
    </>
  );
}

function byWorker(tasks: TaskRunShown[]): Map<string, TaskRunShown[]> {
  const found = new Map<string, TaskRunShown[]>();
  for (const one of tasks) {
    const worker = one.attempts.at(-1)?.worker ?? "";
    found.set(worker, [...(found.get(worker) ?? []), one]);
  }
  return found;
}
