// Task runs across all runs: filtered, counted by day, kept up to date.
import { useEffect, useState } from "preact/hooks";
import { call, type Query } from "../api/client";
import type { TaskRunShown } from "../api/types";
import { useAgain, useChanges, useRead } from "../base/read";
import { ask, Link, part, usePlace } from "../base/router";
import { Empty, Loaded } from "../parts/feedback";
import { More, usePager } from "../parts/pager";
import { useSettled } from "../parts/Palette";
import { Status, toneOf, wordOf } from "../parts/status";
import { Lasted, Moment } from "../parts/times";
import { SearchField, Table, ToRow } from "../parts/listing";

const STATES = [
  "TASK_PENDING",
  "TASK_SCHEDULED",
  "TASK_RUNNING",
  "TASK_SUCCESS",
  "TASK_FAILED",
  "TASK_TIMEOUT",
  "TASK_EXCEPTION",
  "TASK_CANCELLED",
];
const PAGE = 50;
const LOOK_AGAIN_MS = 2000;
const DAYS_DEFAULT = 30;

type Words = Query<"GET /v1/task-runs">;

function wordsOf(query: URLSearchParams): Words {
  const days = Number(query.get("days") ?? DAYS_DEFAULT);
  const words: Words = {};
  const text = query.get("q");
  const taskDef = query.get("task_def");
  if (text) words.q = text;
  if (taskDef) words.task_def = taskDef;
  if (query.has("status")) words.status = query.getAll("status");
  if (days)
    words.started_after = new Date(
      Math.floor(Date.now() / 60_000) * 60_000 - days * 86_400_000,
    ).toISOString();
  return words;
}

export function TaskRunsPage() {
  useEffect(() => void (document.title = "Task runs · Penstock"), []);
  const { query } = usePlace();
  const words = wordsOf(query);
  const key = JSON.stringify(words);
  const read = useRead(`task runs ${key}`, (signal) =>
    call("GET /v1/task-runs", { query: { ...words, limit: PAGE }, signal }),
  );
  useChanges("/v1/changes/follow", read.reload, LOOK_AGAIN_MS);
  const pager = usePager<TaskRunShown>(read.data, key, (cursor) =>
    call("GET /v1/task-runs", { query: { ...words, limit: PAGE, cursor } }),
  );
  return (
    <>
      <div class="head">
        <h1>Task runs</h1>
      </div>
      <Filters query={query} />
      <PerDay words={words} days={Number(query.get("days") ?? DAYS_DEFAULT)} stamp={read.data} />
      <Loaded of={read}>
        {() =>
          pager.items.length === 0 ? (
            <Empty title="No task runs that match">
              Take a filter away, or look at a longer time.
            </Empty>
          ) : (
            <>
              <Table
                kind="task-runs"
                columns={[
                  "State",
                  "Task",
                  "Run",
                  "Worker",
                  "Began",
                  ["Attempts", "right"],
                  ["Duration", "right"],
                ]}
              >
                {pager.items.map((one) => (
                  <TaskRow key={one.id} task={one} />
                ))}
              </Table>
              <More pager={pager} />
            </>
          )
        }
      </Loaded>
    </>
  );
}

function TaskRow(props: { task: TaskRunShown }) {
  const { task } = props;
  const to = `/runs/${part(task.wf_run_id)}?tab=timeline&at=${part(`${task.thread}/${task.position}`)}`;
  const first = task.attempts[0];
  const last = task.attempts.at(-1);
  const ended = !["TASK_PENDING", "TASK_SCHEDULED", "TASK_RUNNING"].includes(task.status);
  return (
    <ToRow to={to}>
      <td>
        <Status of={task.status} />
      </td>
      <td>
        <Link to={to} class="strong">
          {task.task_def}
        </Link>
      </td>
      <td class="mono">
        <Link to={`/runs/${part(task.wf_run_id)}`} class="cut id plain">
          {task.wf_run_id}
        </Link>
      </td>
      <td class="faint cut">{last?.worker}</td>
      <td class="num">
        <Moment at={first?.scheduled_at} />
      </td>
      <td class="right num">{task.attempts.length}</td>
      <td class="right">
        <Lasted from={first?.scheduled_at} to={ended ? last?.ended_at : null} runs={!ended} />
      </td>
    </ToRow>
  );
}

function Filters(props: { query: URLSearchParams }) {
  const { query } = props;
  const [text, setText] = useState(query.get("q") ?? "");
  const settled = useSettled(text, 250);
  useEffect(() => {
    if (settled !== (query.get("q") ?? "")) ask({ q: settled });
  }, [settled]);
  const defs = useRead("task defs", (signal) =>
    call("GET /v1/task-defs", { query: { limit: 1000 }, signal }),
  );
  const chosen = query.getAll("status");
  const toggle = (state: string) =>
    ask({
      status: chosen.includes(state) ? chosen.filter((one) => one !== state) : [...chosen, state],
    });
  return (
    <div class="filters">
      <SearchField
        label="Search task runs"
        hint="Task, run or workflow"
        value={text}
        onInput={setText}
      />
      <select
        aria-label="Task"
        value={query.get("task_def") ?? ""}
        onChange={(event) => ask({ task_def: event.currentTarget.value })}
      >
        <option value="">Any task</option>
        {(defs.data?.items ?? []).map((one) => (
          <option key={one.name}>{one.name}</option>
        ))}
      </select>
      <select
        aria-label="Time"
        value={query.get("days") ?? String(DAYS_DEFAULT)}
        onChange={(event) => ask({ days: event.currentTarget.value })}
      >
        <option value="1">Last day</option>
        <option value="7">Last week</option>
        <option value="30">Last 30 days</option>
        <option value="0">Any time</option>
      </select>
      <div class="chips" role="group" aria-label="States">
        {STATES.map((state) => (
          <button
            key={state}
            type="button"
            class="chip"
            aria-pressed={chosen.includes(state)}
            onClick={() => toggle(state)}
          >
            <Status of={state} />
          </button>
        ))}
      </div>
    </div>
  );
}

const CHART = { height: 56, bar: 16, gap: 3, days: 30 };
const DAY_MS = 86_400_000;

/** The days of a chart: those asked for, and so many that one can see where one is. */
function daysUntil(first: string | undefined, asked: number): string[] {
  const today = Date.now();
  const since = first ? Math.ceil((today - Date.parse(first)) / DAY_MS) : 1;
  const count = Math.min(CHART.days, Math.max(asked || since, 14));
  return Array.from({ length: count }, (_, at) =>
    new Date(today - (count - 1 - at) * DAY_MS).toISOString().slice(0, 10),
  );
}

/** A bar for each day, in parts by state. */
function PerDay(props: { words: Words; days: number; stamp: unknown }) {
  const read = useRead(`per day ${JSON.stringify(props.words)}`, (signal) =>
    call("GET /v1/task-runs/per-day", { query: props.words, signal }),
  );
  useAgain(read, props.stamp);
  const counted = new Map((read.data?.items ?? []).map((one) => [one.day, one.states]));
  if (counted.size === 0) return null;
  const days = daysUntil([...counted.keys()][0], props.days);
  const total = (states: Record<string, number> = {}) =>
    Object.values(states).reduce((sum, count) => sum + count, 0);
  const most = Math.max(...[...counted.values()].map(total));
  const width = days.length * (CHART.bar + CHART.gap);
  return (
    <figure class="per-day">
      <svg
        viewBox={`0 0 ${width} ${CHART.height}`}
        width={width}
        height={CHART.height}
        role="img"
        aria-label={`Task runs by day, from ${days[0]} to ${days.at(-1)}`}
      >
        {days.map((day, at) => {
          const states = counted.get(day) ?? {};
          const x = at * (CHART.bar + CHART.gap);
          let top = CHART.height;
          return (
            <g key={day}>
              <title>{`${day} (UTC): ${
                Object.entries(states)
                  .map(([state, count]) => `${count} ${wordOf(state)}`)
                  .join(", ") || "none"
              }`}</title>
              <rect class="day" x={x} y={0} width={CHART.bar} height={CHART.height} rx="2" />
              {Object.entries(states).map(([state, count]) => {
                const height = (count / most) * (CHART.height - 4);
                top -= height;
                return (
                  <rect
                    key={state}
                    class={`fill-${toneOf(state)}`}
                    x={x}
                    y={top}
                    width={CHART.bar}
                    height={Math.max(1, height)}
                  />
                );
              })}
            </g>
          );
        })}
      </svg>
      <figcaption class="faint">
        {days[0]} to {days.at(-1)} (UTC), at most {most} a day
      </figcaption>
    </figure>
  );
}
