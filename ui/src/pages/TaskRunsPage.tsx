// Task runs across all runs: filtered, counted by day, kept up to date.
import { useEffect } from "preact/hooks";
import { call, type Query } from "../api/client";
import type { TaskRunShown, TaskStatus } from "../api/types";
import { timesIn, wordsIn } from "../base/filters";
import { useChanges, useRead } from "../base/read";
import { Link, part, usePlace } from "../base/router";
import { Empty, Loaded } from "../parts/feedback";
import {
  ChildFilter,
  ChoiceFilter,
  LabelFilter,
  StatusFilter,
  TextFilter,
  TimeFilter,
  WordFilter,
} from "../parts/filters";
import { Icon } from "../parts/icons";
import { More, usePager } from "../parts/pager";
import { Status } from "../parts/status";
import { Lasted, Moment } from "../parts/times";
import { Table, ToRow } from "../parts/listing";
import { PerDay } from "./task-runs/PerDay";

const STATES: TaskStatus[] = [
  "TASK_PENDING",
  "TASK_SCHEDULED",
  "TASK_RUNNING",
  "TASK_SUCCESS",
  "TASK_FAILED",
  "TASK_TIMEOUT",
  "TASK_EXCEPTION",
  "TASK_CANCELLED",
];
const NOT_ENDED: TaskStatus[] = ["TASK_PENDING", "TASK_SCHEDULED", "TASK_RUNNING"];
const PAGE = 50;
const LOOK_AGAIN_MS = 2000;
const WITHIN_S = 30 * 86_400;
const SHORT = 8;

type Words = Query<"GET /v1/task-runs">;

const MORE: (keyof Words)[] = ["namespace", "trigger_wf_run_id", "child_filter", "label"];

const wordsOf = (query: URLSearchParams): Words => ({
  ...wordsIn<Words>(
    query,
    ["q", "task_def", "namespace", "wf_spec", "trigger_wf_run_id", "child_filter"],
    ["status", "label"],
  ),
  ...timesIn(query, WITHIN_S),
});

export function TaskRunsPage() {
  useEffect(() => void (document.title = "Task runs · Penstock"), []);
  const { query } = usePlace();
  const words = wordsOf(query);
  const key = query.toString(); // not the words: a span that ends now goes on
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
      <PerDay words={words} place={key} stamp={read.data} />
      <Loaded of={read}>
        {(data) =>
          pager.items.length === 0 && pager.cursor === null ? (
            <Empty title="No task runs that match">
              Take a filter away, or look at a longer time.
            </Empty>
          ) : (
            <>
              <List tasks={pager.items} />
              {data.whole === false && pager.cursor !== null && (
                <p class="hint">
                  Newest first among the runs looked at so far; “Show more” looks further.
                </p>
              )}
              <More pager={pager} />
            </>
          )
        }
      </Loaded>
    </>
  );
}

function List(props: { tasks: TaskRunShown[] }) {
  const spaced = props.tasks.some((one) => one.namespace);
  return (
    <Table
      kind="task-runs"
      columns={[
        "State",
        "Task",
        "Run",
        "Id",
        ["Start", "", "descending"],
        "End",
        ["Duration", "right"],
        ...(spaced ? ["Namespace"] : []),
        "Workflow",
        ["Attempts", "right"],
        ["", "act"],
      ]}
    >
      {props.tasks.map((one) => (
        <TaskRow key={one.id} task={one} spaced={spaced} />
      ))}
    </Table>
  );
}

function TaskRow(props: { task: TaskRunShown; spaced: boolean }) {
  const { task } = props;
  const place = part(`${task.thread}/${task.position}`);
  const run = `/runs/${part(task.wf_run_id)}`;
  const to = `${run}?tab=timeline&at=${place}`;
  const first = task.attempts[0];
  const last = task.attempts.at(-1);
  const ended = !NOT_ENDED.includes(task.status);
  const flow = task.wf_spec.startsWith(`${task.namespace}.`)
    ? task.wf_spec.slice(task.namespace.length + 1)
    : task.wf_spec;
  return (
    <ToRow to={to}>
      <td>
        <Status of={task.status} />
      </td>
      <td>
        <Link to={to} class="strong" title={`node ${task.node}`}>
          {task.task_def}
        </Link>
      </td>
      <td class="mono">
        <Link to={run} class="plain" title={task.wf_run_id}>
          {shortOf(task.wf_run_id)}
        </Link>
      </td>
      <td class="mono faint" title={task.guid}>
        {shortOf(task.guid)}
      </td>
      <td class="num">
        <Moment at={first?.scheduled_at} />
      </td>
      <td class="num">{ended && <Moment at={last?.ended_at} />}</td>
      <td class="right">
        <Lasted from={first?.scheduled_at} to={ended ? last?.ended_at : null} runs={!ended} />
      </td>
      {props.spaced && <td>{task.namespace}</td>}
      <td>
        <Link to={`/workflows/${part(task.wf_spec)}`} class="plain">
          {flow}
        </Link>
      </td>
      <td class="right num" title={last?.worker ? `the last one by ${last.worker}` : undefined}>
        {last?.number ?? 0}
      </td>
      <td class="act">
        <Link
          to={`${run}?at=${place}`}
          class="plain"
          title="Details"
          label={`Details of ${task.task_def} ${shortOf(task.guid)}`}
        >
          <Icon name="more" />
        </Link>
      </td>
    </ToRow>
  );
}

/** The run of a child is told from its parent's by what stands last. */
function shortOf(id: string): string {
  const own = id.split(".").at(-1) ?? id;
  return own.length > SHORT + 1 ? `${own.slice(0, SHORT)}…` : own;
}

function Filters(props: { query: URLSearchParams }) {
  const { query } = props;
  const defs = useRead("task defs", (signal) =>
    call("GET /v1/task-defs", { query: { limit: 1000 }, signal }),
  );
  const specs = useRead("specs", (signal) =>
    call("GET /v1/wf-specs", { query: { limit: 1000 }, signal }),
  );
  return (
    <div class="filters">
      <TextFilter label="Search task runs" hint="Task, run or workflow" query={query} />
      <ChoiceFilter
        name="task_def"
        label="Task"
        any="Any task"
        names={(defs.data?.items ?? []).map((one) => one.name)}
        query={query}
      />
      <ChoiceFilter
        name="wf_spec"
        label="Workflow"
        any="Any workflow"
        names={(specs.data?.items ?? []).map((one) => one.name)}
        query={query}
      />
      <TimeFilter within={WITHIN_S} query={query} />
      <details class="more-filters" open={MORE.some((name) => query.has(name))}>
        <summary>More filters</summary>
        <div class="filters">
          <WordFilter name="namespace" label="Namespace" hint="Namespace" query={query} />
          <WordFilter
            name="trigger_wf_run_id"
            label="Started by the run"
            hint="Started by the run"
            query={query}
          />
          <ChildFilter query={query} />
          <LabelFilter query={query} />
        </div>
      </details>
      <StatusFilter label="States" statuses={STATES} query={query} />
    </div>
  );
}
