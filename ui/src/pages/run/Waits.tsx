// Why the run is waiting, a line for each of its threads; the engine says so.
import type { WaitShown } from "../../api/types";
import { Link, part } from "../../base/router";
import { Icon, type IconName } from "../../parts/icons";
import { Lasted, Moment } from "../../parts/times";
import type { RunData } from "./data";

const ICONS: Record<WaitShown["what"], IconName> = {
  QUEUE: "queue",
  WORKER: "bolt",
  RETRY: "again",
  BREAKER: "pause",
  TOPIC: "pause",
  EVENT: "mail",
  TIMER: "clock",
  PERSON: "person",
  CONDITION: "hourglass",
  THREADS: "threads",
  RUN: "workflow",
  PLACE: "layers",
  HANDLER: "lifebelt",
  STOPPED: "pause",
  FAILED: "warn",
  TURN: "run",
};
const SHOWN_MAX = 6;

/** Where one goes on from a wait, if anywhere. */
function wayOf(wait: WaitShown): { to: string; title: string } | null {
  if (wait.user_task) return { to: `/user-tasks/${wait.user_task}`, title: "Open the form" };
  if (wait.wf_run_id) return { to: `/runs/${part(wait.wf_run_id)}`, title: "Open the run" };
  if (["QUEUE", "TOPIC", "BREAKER"].includes(wait.what))
    return { to: `/queues?task_def=${part(wait.name ?? "")}`, title: "Queue" };
  return null;
}

export function Waits(props: { data: RunData; onChoose: (wait: WaitShown) => void }) {
  const { waits, run, asOf } = props.data;
  if (waits.items.length === 0) return null;
  const several = run.threads.length > 1;
  const more = waits.items.length - SHOWN_MAX;
  return (
    <ul class="waits" aria-label="Why it is waiting">
      {waits.items.slice(0, SHOWN_MAX).map((wait) => {
        const way = wayOf(wait);
        return (
          <li key={wait.thread} class={`wait-${wait.what.toLowerCase()}`}>
            <Icon name={ICONS[wait.what]} />
            <span>
              {several && (
                <small class="faint">
                  thread {wait.thread} ({wait.thread_spec}){" "}
                </small>
              )}
              {wait.text}{" "}
              {wait.until && (
                <>
                  Until <Moment at={wait.until} full />.{" "}
                </>
              )}
              {wait.since && !asOf && (
                <small class="faint">
                  for <Lasted from={wait.since} to={null} runs />
                </small>
              )}
            </span>
            {way && <Link to={way.to}>{way.title}</Link>}
            {wait.node && (
              <button type="button" class="link" onClick={() => props.onChoose(wait)}>
                Show
              </button>
            )}
          </li>
        );
      })}
      {more > 0 && (
        <li class="faint">
          and {more}
          {waits.truncated ? " or more" : ""} threads more
        </li>
      )}
    </ul>
  );
}
