// Statuses: their words and colours, in one place.
import type { WfRunHead } from "../api/types";

export type Tone = "good" | "busy" | "wait" | "bad" | "warn" | "still";

const TONES: Record<string, Tone> = {
  COMPLETED: "good",
  TASK_SUCCESS: "good",
  DONE: "good",
  STARTED: "good",
  SENT: "good",
  ok: "good",
  OPEN_FOR: "good",
  RUNNING: "busy",
  STARTING: "busy",
  TASK_RUNNING: "busy",
  ACTIVE: "busy",
  ASSIGNED: "busy",
  TASK_SCHEDULED: "wait",
  TASK_PENDING: "wait",
  UNASSIGNED: "wait",
  HALTING: "wait",
  CANCELLING: "wait",
  held: "wait",
  ERROR: "bad",
  TASK_FAILED: "bad",
  TASK_TIMEOUT: "bad",
  TASK_OUTPUT_SERIALIZING_ERROR: "bad",
  TASK_INPUT_VAR_SUB_ERROR: "bad",
  FAILED: "bad",
  REFUSED: "bad",
  OPEN: "bad",
  EXCEPTION: "warn",
  TASK_EXCEPTION: "warn",
  MISSED: "warn",
  warned: "warn",
  TRYING: "warn",
  HALTED: "still",
  TASK_CANCELLED: "still",
  CANCELLED: "still",
  PAUSED: "still",
  ENDED: "still",
};

export const toneOf = (status: string): Tone => TONES[status] ?? "still";

const WORDS: Record<string, string> = {
  TASK_INPUT_VAR_SUB_ERROR: "bad input",
  TASK_OUTPUT_SERIALIZING_ERROR: "bad output",
};

/** `TASK_FAILED` as `failed`: beside a task it needs no more. */
export const wordOf = (status: string): string =>
  WORDS[status] ??
  status
    .replace(/^TASK_/, "")
    .replaceAll("_", " ")
    .toLowerCase();

export function Status(props: { of: string; text?: string }) {
  return (
    <span class={`status ${toneOf(props.of)}`}>
      <i />
      {props.text ?? wordOf(props.of)}
    </span>
  );
}

/** The status of a run with what it may be beside: held, warned, killed. */
export function RunStatus(props: { run: WfRunHead }) {
  const { status, held, warned, counts_as, refused_as } = props.run;
  if (held) return <Status of="held" text="waits for a place" />;
  if (refused_as) return <Status of="HALTED" text={`limit: ${refused_as.toLowerCase()}`} />;
  if (counts_as && counts_as !== status)
    return <Status of={status} text={`counts as ${wordOf(counts_as)}`} />;
  if (warned && status === "COMPLETED") return <Status of="warned" text="completed, warned" />;
  return <Status of={status} />;
}

export const isLive = (status: string): boolean =>
  [
    "RUNNING",
    "HALTING",
    "HALTED",
    "STARTING",
    "TASK_PENDING",
    "TASK_SCHEDULED",
    "TASK_RUNNING",
  ].includes(status);

/** What goes on by itself; a halted run waits for somebody. */
export const isMoving = (status: string): boolean => isLive(status) && status !== "HALTED";
