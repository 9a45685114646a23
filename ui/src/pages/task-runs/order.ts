// Task runs in the order of a column. The API lists them newest first; in any other order stand
// those that were read, which the page says. The column is in the address: `by=duration`, or
// `by=-duration` for the greatest first.
import type { TaskRunShown } from "../../api/types";
import { msOf } from "../../base/times";

export interface Order {
  by: string;
  descending: boolean;
}

export const NEWEST: Order = { by: "start", descending: true };

type Value = number | string;

/** What rows are compared by; a moment that has not come is later than all that have. */
const VALUES: Record<string, { greatestFirst?: true; of: (task: TaskRunShown) => Value }> = {
  state: { of: (task) => task.status },
  task: { of: (task) => task.task_def },
  run: { of: (task) => task.wf_run_id },
  id: { of: (task) => task.guid },
  start: { greatestFirst: true, of: startOf },
  end: { greatestFirst: true, of: endOf },
  duration: {
    greatestFirst: true,
    of: (task) => Math.min(endOf(task), Date.now()) - startOf(task),
  },
  namespace: { of: (task) => task.namespace },
  workflow: { of: (task) => task.wf_spec },
  attempts: { greatestFirst: true, of: (task) => task.attempts.at(-1)?.number ?? 0 },
};

const UNENDED = new Set(["TASK_PENDING", "TASK_SCHEDULED", "TASK_RUNNING"]);

export const hasEnded = (task: TaskRunShown): boolean => !UNENDED.has(task.status);

function startOf(task: TaskRunShown): number {
  return msOf(task.attempts[0]?.scheduled_at);
}

function endOf(task: TaskRunShown): number {
  const ended = hasEnded(task) ? msOf(task.attempts.at(-1)?.ended_at) : Infinity;
  return Number.isNaN(ended) ? Infinity : ended;
}

/** The order that an address asks for. */
export function orderIn(query: URLSearchParams): Order {
  const asked = query.get("by") ?? "";
  const by = asked.replace(/^-/, "");
  return Object.hasOwn(VALUES, by) ? { by, descending: asked.startsWith("-") } : NEWEST;
}

export const isNewest = (order: Order): boolean => order.by === "start" && order.descending;

/** The word for the address when a column is chosen: once more turns it round. */
export function chosen(by: string, now: Order): string {
  const first = VALUES[by]?.greatestFirst === true;
  const descending = now.by === by ? !now.descending : first;
  return isNewest({ by, descending }) ? "" : `${descending ? "-" : ""}${by}`;
}

/** Those of one value stay newest first. */
export function inOrder(tasks: TaskRunShown[], order: Order): TaskRunShown[] {
  const value = VALUES[order.by]?.of;
  if (!value || isNewest(order)) return tasks;
  const keyed = tasks.map((task) => ({ task, value: value(task) }));
  const sign = order.descending ? -1 : 1;
  keyed.sort((one, other) => sign * compared(one.value, other.value));
  return keyed.map((one) => one.task);
}

function compared(one: Value, other: Value): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
