// Every event of the run, in the order in which it happened.
import { useState } from "preact/hooks";
import { call } from "../../api/client";
import type { StoryFact, WfRunShown } from "../../api/types";
import { useAgain, useRead } from "../../base/read";
import { Loaded } from "../../parts/feedback";
import { Icon, type IconName } from "../../parts/icons";
import { Json } from "../../parts/json";
import { toneOf, wordOf } from "../../parts/status";
import { Moment } from "../../parts/times";

const KINDS: Record<StoryFact["what"], { title: string; icon: IconName }> = {
  WF_RUN: { title: "Run", icon: "run" },
  NODE_RUN: { title: "Nodes", icon: "branch" },
  TASK_ATTEMPT: { title: "Attempts", icon: "bolt" },
  OPERATOR: { title: "Operators", icon: "person" },
  EXTERNAL_EVENT: { title: "Events", icon: "mail" },
  COMMAND: { title: "Commands", icon: "letter" },
};
const SHOWN = 500;

export function Story(props: { run: WfRunShown; asOf: string | null }) {
  const { run, asOf } = props;
  const query = asOf === null ? {} : { at: asOf };
  const path = { wf_run_id: run.wf_run_id };
  const [left, setLeft] = useState<Set<string>>(new Set());
  const [shown, setShown] = useState(SHOWN);
  const read = useRead(`story ${run.wf_run_id} ${asOf}`, (signal) =>
    call("GET /v1/wf-runs/{wf_run_id}/history", { path, query, signal }),
  );
  useAgain(read, run);
  const toggle = (kind: string) => {
    const next = new Set(left);
    if (!next.delete(kind)) next.add(kind);
    setLeft(next);
  };
  return (
    <Loaded of={read}>
      {(story) => {
        const kinds = [...new Set(story.items.map((one) => one.what))];
        const facts = story.items.filter((one) => !left.has(one.what));
        return (
          <>
            <div class="filters">
              <div class="chips" role="group" aria-label="Kinds">
                {kinds.map((kind) => (
                  <button
                    key={kind}
                    type="button"
                    class="chip"
                    aria-pressed={!left.has(kind)}
                    onClick={() => toggle(kind)}
                  >
                    <Icon name={KINDS[kind].icon} /> {KINDS[kind].title}
                  </button>
                ))}
              </div>
            </div>
            <ol class="story">
              {facts.slice(0, shown).map((fact, at) => (
                <Fact key={at} fact={fact} />
              ))}
            </ol>
            {facts.length > shown && (
              <div class="more">
                <button type="button" onClick={() => setShown(shown + 10 * SHOWN)}>
                  {facts.length - shown} more
                </button>
              </div>
            )}
            {story.truncated && (
              <p class="hint">The run is very long: this is the beginning of its story.</p>
            )}
          </>
        );
      }}
    </Loaded>
  );
}

function Fact(props: { fact: StoryFact }) {
  const { fact } = props;
  const detail = fact.what === "OPERATOR" ? fact.detail : (fact.failure?.content ?? fact.output);
  return (
    <li>
      <span class="num faint">
        <Moment at={fact.at} full />
      </span>
      <i class={`dot tone-${toneOf(fact.status ?? "")}`} />
      <Icon name={KINDS[fact.what].icon} />
      <div>
        {sentence(fact)}{" "}
        {fact.thread !== undefined && fact.thread !== null && (
          <small class="faint">
            thread {fact.thread}, {fact.position}
          </small>
        )}
        {fact.failure && (
          <p class="bad">
            {fact.failure.name}
            {fact.failure.message && `: ${fact.failure.message}`}
          </p>
        )}
        {detail !== undefined && detail !== null && <Json value={detail} open={false} />}
      </div>
    </li>
  );
}

function sentence(fact: StoryFact) {
  switch (fact.what) {
    case "WF_RUN":
      return (
        <>
          The run is <b>{wordOf(fact.status ?? "")}</b>
          {fact.warned ? ", with a warning" : ""}
        </>
      );
    case "NODE_RUN":
      return (
        <>
          <b>{fact.node}</b> {wordOf(fact.status ?? "")}
          {fact.skipped ? ", left out" : ""}
          {fact.warned ? ", with a warning" : ""}
        </>
      );
    case "TASK_ATTEMPT":
      return (
        <>
          <b>{fact.node}</b>: attempt {fact.attempt} of {fact.task_def} {wordOf(fact.status ?? "")}
          {fact.worker ? ` by ${fact.worker}` : ""}
          {fact.warning ? ", with a warning" : ""}
        </>
      );
    case "OPERATOR":
      return (
        <>
          <b>{fact.principal}</b> did {fact.verb}
          {fact.bulk_id ? ` in the bulk job ${fact.bulk_id}` : ""}
        </>
      );
    case "EXTERNAL_EVENT":
      return (
        <>
          The event <b>{fact.event_def}</b> came
        </>
      );
    case "COMMAND":
      return (
        <>
          Command <b>{fact.command}</b>
          {fact.principal ? ` of ${fact.principal}` : ""}
        </>
      );
  }
}
