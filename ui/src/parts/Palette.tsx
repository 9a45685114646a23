// Search for everything: pages, workflows, runs.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { call } from "../api/client";
import { go, part } from "../base/router";
import { useRead } from "../base/read";
import { Icon, type IconName } from "./icons";
import { Dialog } from "./dialog";
import { PLACES } from "./places";

interface Hit {
  to: string;
  title: string;
  kind: string;
  icon: IconName;
}

const RUNS_MAX = 8;

export function Palette(props: { onClose: () => void }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const words = useSettled(text.trim(), 150);
  const specs = useRead("specs", (signal) =>
    call("GET /v1/wf-specs", { query: { limit: 1000 }, signal }),
  );
  const runs = useRead(words ? `runs ${words}` : null, (signal) =>
    call("GET /v1/wf-runs", { query: { order: "newest", q: words, limit: RUNS_MAX }, signal }),
  );
  const low = text.trim().toLowerCase();
  const hits: Hit[] = [
    ...PLACES.filter((one) => one.title.toLowerCase().includes(low)).map((one) => ({
      ...one,
      kind: "Page",
    })),
    ...(specs.data?.items ?? [])
      .filter((one) => low && one.name.toLowerCase().includes(low))
      .slice(0, 8)
      .map((one) => ({
        to: `/workflows/${part(one.name)}`,
        title: one.name,
        kind: "Workflow",
        icon: "workflow" as const,
      })),
    ...(low ? (runs.data?.items ?? []) : []).map((one) => ({
      to: `/runs/${part(one.wf_run_id)}`,
      title: one.wf_run_id,
      kind: `Run of ${one.wf_spec}`,
      icon: "run" as const,
    })),
  ];
  const id = text.trim();
  if (id && !hits.some((one) => one.title === id)) {
    hits.push({
      to: `/runs/${part(id)}`,
      title: id,
      kind: "Go to the run with this id",
      icon: "right",
    });
  }
  const chosen = Math.min(at, hits.length - 1);
  const enter = (hit: Hit | undefined) => {
    if (!hit) return;
    props.onClose();
    go(hit.to);
  };
  const pressed = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setAt(Math.min(chosen + 1, hits.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(chosen - 1, 0));
    else if (event.key === "Enter") enter(hits[chosen]);
    else return;
    event.preventDefault();
  };
  const input = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => input.current?.focus(), []); // at once: who types goes on typing
  return (
    <Dialog title="Search" onClose={props.onClose}>
      <div class="palette">
        <input
          ref={input}
          type="text"
          role="combobox"
          aria-expanded="true"
          aria-controls="hits"
          aria-activedescendant={`hit-${chosen}`}
          aria-label="Search pages, workflows and runs"
          placeholder="A page, a workflow, a run's id or label"
          value={text}
          onInput={(event) => (setText(event.currentTarget.value), setAt(0))}
          onKeyDown={pressed}
        />
        <ul id="hits" role="listbox" aria-label="Found">
          {hits.map((hit, index) => (
            <li
              key={hit.kind + hit.to}
              id={`hit-${index}`}
              role="option"
              aria-selected={index === chosen}
              onClick={() => enter(hit)}
              onMouseMove={() => setAt(index)}
            >
              <Icon name={hit.icon} />
              <span class="cut">{hit.title}</span>
              <small>{hit.kind}</small>
            </li>
          ))}
        </ul>
      </div>
    </Dialog>
  );
}

/** A value once it has stood still for a moment. */
export function useSettled<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}
