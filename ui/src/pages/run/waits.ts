// Why a run is waiting: for each thread that lives, what it waits for, and since when. Pure.
import type { NodeRunShown, TaskRunShown, ThreadShown, WfRunShown } from "../../api/types";
import { expressionText } from "../../base/expressions";
import { wordOf } from "../../parts/status";
import type { RunData } from "./data";

export interface Wait {
  thread: ThreadShown;
  node: NodeRunShown | undefined;
  what:
    | "queue"
    | "worker"
    | "retry"
    | "held"
    | "event"
    | "timer"
    | "person"
    | "threads"
    | "child"
    | "condition"
    | "stopped"
    | "failed"
    | "place"
    | "step";
  text: string;
  since: string | undefined;
  until?: string;
  link?: { to: string; title: string };
}

const LIVE = new Set(["RUNNING", "HALTING", "HALTED"]);

export function waitsOf(data: RunData): Wait[] {
  const { run } = data;
  if (!LIVE.has(run.status) && run.status !== "ERROR") return [];
  const nodes = new Map(data.nodes.map((one) => [`${one.thread}/${one.position}`, one]));
  if (run.held) return [place(data)];
  const found: Wait[] = [];
  for (const thread of run.threads) {
    if (thread.gone) continue;
    const node = nodes.get(`${thread.number}/${thread.position}`);
    const wait = waitOf(data, thread, node);
    if (wait) found.push(wait);
  }
  return found;
}

function place(data: RunData): Wait {
  const limit = data.spec.limit;
  const text = limit
    ? `Waits for a place: at most ${limit.most} run${limit.most === 1 ? "" : "s"} may be at work at once${limit.key ? ` with the same ${expressionText(limit.key)}` : ""}.`
    : "Waits for a place among the runs that may be at work at once.";
  return {
    thread: data.run.threads[0]!,
    node: undefined,
    what: "place",
    text,
    since: data.run.started_at,
  };
}

function waitOf(data: RunData, thread: ThreadShown, node: NodeRunShown | undefined): Wait | null {
  const since = node?.history.at(-1)?.at;
  const made = (what: Wait["what"], text: string, more: Partial<Wait> = {}): Wait => ({
    thread,
    node,
    what,
    text,
    since,
    ...more,
  });
  if (thread.status === "ERROR") {
    const { name = "ERROR", message = "" } = thread.failure ?? {};
    return made("failed", `Failed at ${thread.node} with ${name}${message && `: ${message}`}`);
  }
  if (!LIVE.has(thread.status)) return null;
  if (thread.status !== "RUNNING") return made("stopped", haltText(thread));
  if (!node) return made("step", `Is about to go on at ${thread.node}.`);
  const spec = data.spec.threads[thread.thread_spec]?.nodes[node.node];
  switch (spec?.type) {
    case "TASK": {
      const task = data.tasks.find((one) => one.id === node.task);
      return task
        ? taskWait(task, made)
        : made("step", `Is about to send the task of ${node.node}.`);
    }
    case "EXTERNAL_EVENT": {
      const key = node.correlation_key ? ` under the key ${node.correlation_key}` : "";
      const until = spec.timeout_ms && since ? later(since, spec.timeout_ms) : undefined;
      return made("event", `Waits for the event ${spec.event_def}${key}.`, until ? { until } : {});
    }
    case "SLEEP": {
      const seconds = literal(spec.seconds);
      const moment = literal(spec.until);
      const until =
        typeof seconds === "number" && since
          ? later(since, seconds * 1000)
          : typeof moment === "string"
            ? moment
            : undefined;
      return made(
        "timer",
        until
          ? "Sleeps."
          : `Sleeps: ${spec.seconds ? `${expressionText(spec.seconds)} s` : `until ${expressionText(spec.until)}`}.`,
        until ? { until } : {},
      );
    }
    case "USER_TASK": {
      const link = node.user_task
        ? { to: `/user-tasks/${node.user_task}`, title: "Open the form" }
        : undefined;
      return made(
        "person",
        `Waits for a person to fill in ${spec.user_task_def}.`,
        link ? { link } : {},
      );
    }
    case "WAIT_FOR_CONDITION":
      return made("condition", `Waits until ${expressionText(spec.condition)}.`);
    case "RUN_CHILD_WF":
    case "WAIT_FOR_CHILD_WF":
      return made("child", `Waits for a run below this one.`, {
        link: {
          to: `/runs/${encodeURIComponent(data.run.wf_run_id)}?tab=related`,
          title: "Related runs",
        },
      });
    case "WAIT_FOR_THREADS":
    case "RUN_THREADS":
      return made("threads", threadsText(data.run, thread));
    default:
      return made("step", `Is at ${node.node}.`);
  }
}

function taskWait(
  task: TaskRunShown,
  made: (what: Wait["what"], text: string, more?: Partial<Wait>) => Wait,
): Wait {
  const attempt = task.attempts.at(-1);
  const of =
    task.max_attempts > 1 ? `, attempt ${attempt?.number ?? 1} of ${task.max_attempts}` : "";
  const link = { to: `/queues?task_def=${encodeURIComponent(task.task_def)}`, title: "Queue" };
  if (task.status === "TASK_RUNNING") {
    const asked = task.stop_requested ? `; it was asked to ${task.stop_requested}` : "";
    return made(
      "worker",
      `${attempt?.worker || "A worker"} does ${task.task_def}${of}${asked}.`,
      attempt?.started_at ? { since: attempt.started_at } : {},
    );
  }
  if (task.status === "TASK_SCHEDULED") {
    return made("queue", `Waits in the queue of ${task.task_def}${of}: no worker has begun it.`, {
      link,
      since: attempt?.scheduled_at,
    });
  }
  if (attempt && attempt.ended_at) {
    return made(
      "retry",
      `${task.task_def} ${wordOf(attempt.status)} (attempt ${attempt.number} of ${task.max_attempts}); the next attempt comes after its backoff.`,
      { since: attempt.ended_at },
    );
  }
  return made(
    "held",
    `${task.task_def} can not be sent now: its breaker is open, or its topic is not there.`,
    { link },
  );
}

function threadsText(run: WfRunShown, thread: ThreadShown): string {
  const live = run.threads.filter(
    (one) => one.parent === thread.number && LIVE.has(one.status) && one.kind === "CHILD",
  );
  const some = live
    .slice(0, 5)
    .map((one) => `${one.number} (${one.thread_spec})`)
    .join(", ");
  return live.length
    ? `Waits for ${live.length} thread${live.length === 1 ? "" : "s"}: ${some}${live.length > 5 ? ", …" : ""}.`
    : "Waits for threads.";
}

const HALTS: Record<string, string> = {
  MANUAL_HALT: "stopped by hand",
  PAUSED: "paused",
  KILLED: "being killed",
  INTERRUPTED: "interrupted by an event, until its handler has ended",
  PENDING_INTERRUPT: "about to be interrupted by an event",
  PENDING_FAILURE: "about to have a failure handled",
  HANDLING_FAILURE: "its failure is being handled",
  PARENT_HALTED: "the thread above it is stopped",
  HALTED_BY_PARENT: "ended by the thread above it",
};

function haltText(thread: ThreadShown): string {
  const reasons = thread.halt_reasons.map((one) => HALTS[one] ?? wordOf(one)).join("; ");
  return `${thread.status === "HALTING" ? "Is coming to a stop" : "Stands still"} at ${thread.node}: ${reasons || "stopped"}.`;
}

const later = (from: string, ms: number): string => new Date(Date.parse(from) + ms).toISOString();

function literal(expression: unknown): unknown {
  const one = expression as { from?: string; value?: unknown } | null | undefined;
  return one?.from === "VALUE" ? one.value : undefined;
}
