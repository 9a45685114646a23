// The rows of a timeline: threads, each with its node runs, in the order of their beginning. Pure.
import type { NodeRunShown, TaskRunShown, ThreadShown } from "../../api/types";
import { msOf } from "../../base/times";
import { placeOf, type RunData } from "./data";

export interface Bar {
  from: number;
  to: number | null;
  status: string;
  kind: "queued" | "run" | "wait";
}

export interface Row {
  key: string;
  depth: number;
  title: string;
  detail: string;
  status: string;
  from: number;
  to: number | null;
  bars: Bar[];
  place: string | null;
  node: NodeRunShown | null;
}

const NODE_ENDS = new Set(["COMPLETED", "ERROR", "EXCEPTION"]);
const TASK_ENDED = (status: string) =>
  !["TASK_PENDING", "TASK_SCHEDULED", "TASK_RUNNING"].includes(status);

const PASSED = new Set(["ENTRYPOINT", "EXIT", "NOP"]);

/** What takes no time, and has gone well, is no row of a timeline. */
const isShown = (node: NodeRunShown): boolean =>
  !PASSED.has(node.node_type) || node.status !== "COMPLETED" || node.skipped;

const TICKS_MAX = 6;
const ROOM = 0.93;
const [SECOND, MINUTE, HOUR, DAY] = [1_000, 60_000, 3_600_000, 86_400_000] as const;
const STEPS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
];

/** Round times to mark on an axis of so many milliseconds, none where its word has no room. */
export function ticksOf(span: number): number[] {
  const least = span / TICKS_MAX;
  const step = STEPS.find((one) => one >= least) ?? DAY * Math.ceil(least / DAY);
  const count = Math.ceil((span * ROOM) / step);
  return Array.from({ length: count }, (_, at) => at * step);
}

export function rowsOf(data: RunData): Row[] {
  const tasks = new Map(data.tasks.map((one) => [one.id, one]));
  const nodes = new Map<number, NodeRunShown[]>();
  for (const one of data.nodes) {
    const list = nodes.get(one.thread);
    if (list) list.push(one);
    else nodes.set(one.thread, [one]);
  }
  const children = new Map<number | null, ThreadShown[]>();
  for (const one of data.run.threads) {
    const list = children.get(one.parent);
    if (list) list.push(one);
    else children.set(one.parent, [one]);
  }
  const rows: Row[] = [];
  const several = data.run.threads.length > 1;
  const walk = (thread: ThreadShown, depth: number) => {
    const own = (nodes.get(thread.number) ?? [])
      .filter(isShown)
      .map((one) => rowOf(one, tasks.get(one.task ?? ""), depth + (several ? 1 : 0)));
    if (several) rows.push(threadRow(thread, beginOf(nodes.get(thread.number)), own, depth));
    const below = [...(children.get(thread.number) ?? [])];
    const starts = new Map(below.map((one) => [one.number, beginOf(nodes.get(one.number))]));
    below.sort((one, other) => (starts.get(one.number) ?? 0) - (starts.get(other.number) ?? 0));
    let next = 0;
    const isBefore = (one: ThreadShown | undefined, ms: number) =>
      one !== undefined && (starts.get(one.number) ?? 0) < ms;
    for (const row of own) {
      while (isBefore(below[next], row.from)) walk(below[next++]!, depth + 1);
      rows.push(row);
    }
    for (; next < below.length; next++) walk(below[next]!, depth + 1);
  };
  (children.get(null) ?? []).forEach((one) => walk(one, 0));
  return rows;
}

const beginOf = (nodes: NodeRunShown[] | undefined): number => msOf(nodes?.[0]?.history[0]?.at);

function threadRow(thread: ThreadShown, begin: number, own: Row[], depth: number): Row {
  const from = own.reduce((least, one) => Math.min(least, one.from), begin);
  const to = own.some((one) => one.to === null) ? null : lastOf(own, begin);
  const kinds: Record<string, string> = {
    ENTRYPOINT: "",
    CHILD: "",
    FAILURE_HANDLER: "handles a failure",
    INTERRUPT: "interrupt",
  };
  return {
    key: `thread ${thread.number}`,
    depth,
    title: `${thread.thread_spec}`,
    detail: `thread ${thread.number} ${kinds[thread.kind] ?? ""}`,
    status: thread.status,
    from,
    to,
    bars: [],
    place: null,
    node: null,
  };
}

/** The later one; what is not known is none. */
const later = (one: number, other: number): number => (other > one ? other : one);

/** When the last of what is known of rows was. There may be too many for arguments of one call. */
export const lastOf = (rows: readonly Row[], begin: number): number =>
  rows.reduce((last, row) => {
    const ends = [row.from, row.to ?? 0, ...row.bars.map((bar) => bar.to ?? 0)];
    return ends.reduce(later, last);
  }, begin);

function rowOf(node: NodeRunShown, task: TaskRunShown | undefined, depth: number): Row {
  const from = msOf(node.history[0]?.at);
  const last = node.history.at(-1);
  const to = last && NODE_ENDS.has(last.status) ? msOf(last.at) : null;
  const own =
    task && task.thread === node.thread && task.position === node.position ? task : undefined;
  const bars: Bar[] = own
    ? barsOf(own)
    : [{ from, to, status: node.status, kind: to === null || to - from > 50 ? "wait" : "run" }];
  return {
    key: placeOf(node),
    depth,
    title: node.node,
    detail: own ? own.task_def : node.node_type.replaceAll("_", " ").toLowerCase(),
    status: node.skipped ? "HALTED" : node.status,
    from,
    to,
    bars,
    place: placeOf(node),
    node,
  };
}

function barsOf(task: TaskRunShown): Bar[] {
  return task.attempts.flatMap((attempt): Bar[] => {
    const end = attempt.ended_at ? msOf(attempt.ended_at) : null;
    const started = attempt.started_at ? msOf(attempt.started_at) : null;
    const queued: Bar = {
      from: msOf(attempt.scheduled_at),
      to: started ?? end,
      status: "TASK_SCHEDULED",
      kind: "queued",
    };
    if (started === null && !TASK_ENDED(attempt.status)) return [queued];
    return [
      queued,
      {
        from: started ?? msOf(attempt.scheduled_at),
        to: end,
        status: attempt.status,
        kind: "run",
      },
    ];
  });
}
