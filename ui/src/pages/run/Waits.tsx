import { Link } from "../../base/router";
import { Icon, type IconName } from "../../parts/icons";
import { Lasted, Moment } from "../../parts/times";
import type { RunData } from "./data";
import { waitsOf, type Wait } from "./waits";

const ICONS: Record<Wait["what"], IconName> = {
  queue: "queue",
  worker: "bolt",
  retry: "again",
  held: "pause",
  event: "mail",
  timer: "clock",
  person: "person",
  threads: "threads",
  child: "workflow",
  condition: "hourglass",
  stopped: "pause",
  failed: "warn",
  place: "layers",
  step: "run",
};
const SHOWN_MAX = 6;

/** Why the run is waiting, a line for each of its threads. */
export function Waits(props: { data: RunData; onChoose: (wait: Wait) => void }) {
  const waits = waitsOf(props.data);
  if (waits.length === 0) return null;
  const several = props.data.run.threads.length > 1;
  return (
    <ul class="waits" aria-label="Why it is waiting">
      {waits.slice(0, SHOWN_MAX).map((wait) => (
        <li key={wait.thread.number} class={`wait-${wait.what}`}>
          <Icon name={ICONS[wait.what]} />
          <span>
            {several && (
              <small class="faint">
                thread {wait.thread.number} ({wait.thread.thread_spec}){" "}
              </small>
            )}
            {wait.text}{" "}
            {wait.until && (
              <>
                Until <Moment at={wait.until} full />.{" "}
              </>
            )}
            {wait.since && (
              <small class="faint">
                for <Lasted from={wait.since} to={null} runs />
              </small>
            )}
          </span>
          {wait.link && <Link to={wait.link.to}>{wait.link.title}</Link>}
          {wait.node && (
            <button type="button" class="link" onClick={() => props.onChoose(wait)}>
              Show
            </button>
          )}
        </li>
      ))}
      {waits.length > SHOWN_MAX && (
        <li class="faint">and {waits.length - SHOWN_MAX} threads more</li>
      )}
    </ul>
  );
}
