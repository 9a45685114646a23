// The run as it was: a slider over the positions of the log that have changed it.
import { useEffect, useMemo, useState } from "preact/hooks";
import { call } from "../../api/client";
import type { StoryFact, WfRunShown } from "../../api/types";
import { useAgain, useRead } from "../../base/read";
import { ask } from "../../base/router";
import { Problem } from "../../parts/feedback";
import { Icon } from "../../parts/icons";
import { wordOf } from "../../parts/status";
import { Moment } from "../../parts/times";

/** In the address: the slider is there, and stands at the end. */
export const NEWEST = "newest";
const SETTLE_MS = 200;

export interface Step {
  position: string;
  at: string;
  title: string;
}

/** A step for each position at which something has come to be. */
export function stepsOf(facts: readonly StoryFact[]): Step[] {
  const steps: Step[] = [];
  const told: Map<string, string>[] = []; // of each thing what it has become in the end
  for (const fact of facts) {
    if (!fact.log_position) continue;
    if (steps.at(-1)?.position !== fact.log_position) {
      steps.push({ position: fact.log_position, at: fact.at, title: "" });
      told.push(new Map());
    }
    const words = wordsOf(fact);
    if (words) told.at(-1)?.set(...words);
  }
  return steps.map((step, at) => {
    const words = [...(told[at] ?? new Map<string, string>())].sort(
      ([a], [b]) => rank(a) - rank(b),
    );
    const shown = words.slice(0, WORDS_MAX).map(([, text]) => text);
    return { ...step, title: shown.join(" · ") || "timers" };
  });
}

const WORDS_MAX = 3;
const COMMAND = "command";
const RUN = "run";
const rank = (of: string): number => (of === COMMAND ? 0 : of === RUN ? 1 : 2);

function wordsOf(fact: StoryFact): [of: string, text: string] | null {
  const status = wordOf(fact.status ?? "");
  if (fact.what === "COMMAND") return [COMMAND, fact.command ?? ""];
  if (fact.what === "WF_RUN") return [RUN, `run ${status}`];
  if (fact.what !== "NODE_RUN") return null;
  return [`${fact.thread}/${fact.position}`, `${fact.node} ${status}`];
}

export function Past(props: { run: WfRunShown; asOf: string }) {
  const { run, asOf } = props;
  const path = { wf_run_id: run.wf_run_id };
  const read = useRead(`positions ${run.wf_run_id}`, (signal) =>
    call("GET /v1/wf-runs/{wf_run_id}/history", { path, query: { positions: "true" }, signal }),
  );
  useAgain(read, asOf === NEWEST ? run : null);
  const steps = useMemo(() => stepsOf(read.data?.items ?? []), [read.data]);
  const end = steps.length - 1;
  const found = steps.findLastIndex((one) => offsetOf(one.position) <= offsetOf(asOf));
  const chosen = asOf === NEWEST ? end : Math.max(found, 0);
  const [held, setHeld] = useState<number | null>(null); // while the slider is moved
  useEffect(() => {
    if (held === null) return;
    const timer = setTimeout(() => {
      ask({ as_of: steps[held]?.position ?? NEWEST });
      setHeld(null);
    }, SETTLE_MS);
    return () => clearTimeout(timer);
  }, [held]);
  const shown = Math.min(held ?? chosen, end);
  const step = steps[shown];
  if (read.error) return <Problem error={read.error} retry={read.reload} />;
  return (
    <section class="past" aria-label="The past of the run">
      <button
        type="button"
        class="small"
        aria-label="One step back"
        disabled={shown <= 0}
        onClick={() => setHeld(shown - 1)}
      >
        <Icon name="left" />
      </button>
      <input
        type="range"
        aria-label="Step"
        aria-valuetext={step ? `${step.title}, position ${step.position}` : "no step"}
        min={0}
        max={Math.max(end, 0)}
        value={Math.max(shown, 0)}
        disabled={steps.length === 0}
        onInput={(event) => setHeld(Number(event.currentTarget.value))}
      />
      <button
        type="button"
        class="small"
        aria-label="One step on"
        disabled={shown >= end}
        onClick={() => setHeld(shown + 1)}
      >
        <Icon name="right" />
      </button>
      <span class="past-step">
        {step ? (
          <>
            <b>
              {shown + 1} of {steps.length}
            </b>{" "}
            {step.title} <small class="faint">{step.position}</small>{" "}
            <small class="faint">
              <Moment at={step.at} full />
            </small>
          </>
        ) : (
          <span class="faint">The log is read…</span>
        )}
      </span>
      <button type="button" class="small" onClick={() => ask({ as_of: "" })}>
        Now
      </button>
    </section>
  );
}

const offsetOf = (position: string): number => Number(position.split(":")[1]);
