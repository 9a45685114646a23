// Fields that filter lists of what runs do; what is chosen stands in the address (base/filters.ts).
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { call } from "../api/client";
import { isBetween } from "../base/filters";
import { useRead } from "../base/read";
import { ask } from "../base/router";
import { duration, fieldTime, msOfField, useZone } from "../base/times";
import { Icon } from "./icons";
import { SearchField } from "./listing";
import { useSettled } from "./Palette";
import { Status } from "./status";

const SETTLE_MS = 250;
const SPECS_MAX = 1000;
const DAY_S = 86_400;
const SPANS: [seconds: number, title: string][] = [
  [0, "Any time"],
  [3600, "Last hour"],
  [DAY_S, "Last day"],
  [7 * DAY_S, "Last week"],
  [30 * DAY_S, "Last 30 days"],
];
const BETWEEN = "between";
const OF_RUNS_SELDOM = ["namespace", "trigger_wf_run_id", "version", "major", "revision"];

/** A text that is searched for once it has stood still. */
export function TextFilter(props: { label: string; hint: string; query: URLSearchParams }) {
  const asked = props.query.get("q") ?? "";
  const [text, setText] = useState(asked);
  const settled = useSettled(text, SETTLE_MS);
  useEffect(() => {
    if (settled !== asked) ask({ q: settled });
  }, [settled]);
  useEffect(() => {
    if (asked !== settled) setText(asked);
  }, [asked]);
  return <SearchField label={props.label} hint={props.hint} value={text} onInput={setText} />;
}

/** What is being typed: it stays while the page is drawn anew, until something else is asked for. */
export function useTyped(asked: string): [text: string, type: (text: string) => void] {
  const [text, setText] = useState(asked);
  useEffect(() => setText(asked), [asked]);
  return [text, setText];
}

/** A word that is asked for when it was said: by Enter, or by going elsewhere. */
export function WordFilter(props: { name: string; label: string; query: URLSearchParams }) {
  const [text, setText] = useTyped(props.query.get(props.name) ?? "");
  return (
    <label class="named">
      {props.label}
      <input
        spellcheck={false}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onChange={(event) => ask({ [props.name]: event.currentTarget.value.trim() })}
      />
    </label>
  );
}

/** A number that is asked for when it was said. */
function NumberFilter(props: { name: string; label: string; query: URLSearchParams }) {
  const [text, setText] = useTyped(props.query.get(props.name) ?? "");
  return (
    <label class="named">
      {props.label}
      <input
        type="number"
        min="0"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onChange={(event) => ask({ [props.name]: event.currentTarget.value })}
      />
    </label>
  );
}

/** One of some names, or another that the address has. */
export function ChoiceFilter(props: {
  name: string;
  label: string;
  any: string;
  names: readonly (string | readonly [value: string, title: string])[];
  query: URLSearchParams;
}) {
  const asked = props.query.get(props.name) ?? "";
  const isListed = props.names.some((one) => (typeof one === "string" ? one : one[0]) === asked);
  return (
    <select
      aria-label={props.label}
      value={asked}
      onChange={(event) => ask({ [props.name]: event.currentTarget.value })}
    >
      <option value="">{props.any}</option>
      {asked && !isListed && <option value={asked}>{asked}</option>}
      {props.names.map((one) => {
        const [value, title] = typeof one === "string" ? [one, one] : one;
        return (
          <option key={value} value={value}>
            {title}
          </option>
        );
      })}
    </select>
  );
}

export function WorkflowFilter(props: { query: URLSearchParams }) {
  const specs = useRead("specs", (signal) =>
    call("GET /v1/wf-specs", { query: { limit: SPECS_MAX }, signal }),
  );
  return (
    <ChoiceFilter
      name="wf_spec"
      label="Workflow"
      any="Any workflow"
      names={(specs.data?.items ?? []).map((one) => one.name)}
      query={props.query}
    />
  );
}

export function ChildFilter(props: { query: URLSearchParams }) {
  return (
    <ChoiceFilter
      name="child_filter"
      label="Child runs"
      any="With child runs"
      names={[
        ["MAIN", "Without child runs"],
        ["CHILD", "Only child runs"],
      ]}
      query={props.query}
    />
  );
}

/** Filters that are wanted seldom: shown on demand, or when the address has one of them. */
export function MoreFilters(props: {
  names: readonly string[];
  query: URLSearchParams;
  children?: ComponentChildren;
}) {
  const { query } = props;
  const names = [...OF_RUNS_SELDOM, ...props.names];
  return (
    <details class="more-filters" open={names.some((name) => query.has(name))}>
      <summary>More filters</summary>
      <div class="filters">
        <WordFilter name="namespace" label="Namespace" query={query} />
        <WordFilter name="trigger_wf_run_id" label="Started by the run" query={query} />
        <NumberFilter name="version" label="Version" query={query} />
        <NumberFilter name="major" label="Major version" query={query} />
        <NumberFilter name="revision" label="Revision" query={query} />
        {props.children}
      </div>
    </details>
  );
}

/** Since when: a span until now, or between two moments. */
export function TimeFilter(props: { within: number; query: URLSearchParams }) {
  const { within, query } = props;
  const between = isBetween(query);
  const asked = query.get("within") ?? String(within);
  const choose = (value: string) => {
    const dayAgo = new Date(Date.now() - DAY_S * 1000).toISOString();
    if (value === BETWEEN) ask({ within: "", started_after: dayAgo });
    else
      ask({
        within: value === String(within) ? "" : value,
        started_after: "",
        started_before: "",
      });
  };
  return (
    <>
      <select
        aria-label="Started"
        value={between ? BETWEEN : asked}
        onChange={(event) => choose(event.currentTarget.value)}
      >
        {SPANS.map(([seconds, title]) => (
          <option key={seconds} value={String(seconds)}>
            {title}
          </option>
        ))}
        {SPANS.every(([seconds]) => String(seconds) !== asked) && (
          <option value={asked}>{`Last ${duration(Number(asked) * 1000)}`}</option>
        )}
        <option value={BETWEEN}>Between…</option>
      </select>
      {between && (
        <>
          <MomentFilter name="started_after" label="Started at or after" query={query} />
          <MomentFilter name="started_before" label="Started before" query={query} />
        </>
      )}
    </>
  );
}

function MomentFilter(props: { name: string; label: string; query: URLSearchParams }) {
  const zone = useZone();
  const asked = props.query.get(props.name);
  const known = asked !== null && Number.isFinite(Date.parse(asked));
  const [text, setText] = useTyped(known ? fieldTime(asked, zone).slice(0, 16) : "");
  const changed = (text: string) => {
    const ms = msOfField(text, zone);
    ask({ [props.name]: Number.isFinite(ms) ? new Date(ms).toISOString() : "" });
  };
  return (
    <input
      type="datetime-local"
      aria-label={props.label}
      title={`${props.label}, ${zone === "utc" ? "UTC" : "local time"}`}
      value={text}
      onInput={(event) => setText(event.currentTarget.value)}
      onChange={(event) => changed(event.currentTarget.value)}
    />
  );
}

/** Statuses, of which any does. */
export function StatusFilter(props: {
  label: string;
  statuses: readonly string[];
  query: URLSearchParams;
}) {
  const chosen = props.query.getAll("status");
  const toggle = (status: string) =>
    ask({
      status: chosen.includes(status)
        ? chosen.filter((one) => one !== status)
        : [...chosen, status],
    });
  return (
    <div class="chips" role="group" aria-label={props.label}>
      {props.statuses.map((status) => (
        <button
          key={status}
          type="button"
          class="chip"
          aria-pressed={chosen.includes(status)}
          onClick={() => toggle(status)}
        >
          <Status of={status} />
        </button>
      ))}
    </div>
  );
}

/** Labels, all of which must be there. */
export const LabelFilter = (props: { query: URLSearchParams }) => (
  <PairFilter name="label" title="label" pair="key:value" query={props.query} />
);

/** Values of searchable variables, all of which a run must have. */
export const VariableFilter = (props: { query: URLSearchParams }) => (
  <PairFilter name="variable" title="variable" pair="name:value" query={props.query} />
);

function PairFilter(props: { name: string; title: string; pair: string; query: URLSearchParams }) {
  const { name, title, pair } = props;
  const chosen = props.query.getAll(name);
  const [text, setText] = useState("");
  const add = (event: Event) => {
    event.preventDefault();
    if (text.includes(":")) ask({ [name]: [...chosen, text.trim()] });
    setText("");
  };
  return (
    <form class="labels" onSubmit={add}>
      {chosen.map((one) => (
        <button
          key={one}
          type="button"
          class="label-chip"
          title={`Take this ${title} away`}
          onClick={() => ask({ [name]: chosen.filter((other) => other !== one) })}
        >
          {one} <Icon name="close" />
        </button>
      ))}
      <input
        aria-label={`Add a ${title}, as ${pair}`}
        placeholder={`${title}: ${pair}`}
        pattern="[^:]+:.*"
        title={pair}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
    </form>
  );
}
