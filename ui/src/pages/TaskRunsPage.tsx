// Task runs across all runs: filtered, counted by day, kept up to date.
import { useEffect } from "preact/hooks";
import { call, type Query } from "../api/client";
import type { TaskRunShown, TaskStatus } from "../api/types";
import { askedOfRuns, TASK_RUNS } from "../base/filters";
import { useChanges, useRead } from "../base/read";
import { ask, Link, part, usePlace } from "../base/router";
import { Empty, Loaded } from "../parts/feedback";
import {
  ChildFilter,
  ChoiceFilter,
  LabelFilter,
  MoreFilters,
  StatusFilter,
  TextFilter,
  TimeFilter,
  WordFilter,
  WorkflowFilter,
} from "../parts/filters";
import { Icon } from "../parts/icons";
import { More, usePager } from "../parts/pager";
import { Status } from "../parts/status";
import { Lasted, Moment } from "../parts/times";
import { Table, ToRow, type Column } from "../parts/listing";
import { chosen, hasEnded, inOrder, isNewest, orderIn, type Order } from "./task-runs/order";
import { PerDay } from "./task-runs/PerDay";

const STATES: TaskStatus[] = [
  "TASK_PENDING",
  "TASK_SCHEDULED",
  "TASK_RUNNING",
  "TASK_SUCCESS",
  "TASK_FAILED",
  "TASK_TIMEOUT",
  "TASK_EXCEPTION",
  "TASK_INPUT_VAR_SUB_ERROR",
  "TASK_OUTPUT_SERIALIZING_ERROR",
  "TASK_CANCELLED",
];
const PAGE = 50;
/** In another order than the API's a page is of so many: that is what is put in order. */
const ORDERED_PAGE = 500;
const LOOK_AGAIN_MS = 2000;
const WITHIN_S = 30 * 86_400;
const SHORT = 8;

type Words = Query<"GET /v1/task-runs">;

const wordsOf = (query: URLSearchParams): Words => askedOfRuns<Words>(query, TASK_RUNS, WITHIN_S);

export function TaskRunsPage() {
  useEffect(() => void (document.title = "Task runs · Penstock"), []);
  const { query } = usePlace();
  const order = orderIn(query);
  const words = wordsOf(query);
  const limit = isNewest(order) ? PAGE : ORDERED_PAGE;
  const asked = new URLSearchParams(query); // not the words: a span that ends now goes on
  asked.delete("by");
  const place = asked.toString();
  const key = `${place} by ${limit}`;
  const read = useRead(`task runs ${key}`, (signal) =>
    call("GET /v1/task-runs", { query: { ...words, limit }, signal }),
  );
  useChanges("/v1/changes/follow", read.reload, LOOK_AGAIN_MS);
  const pager = usePager<TaskRunShown>(read.data, key, (cursor) =>
    call("GET /v1/task-runs", { query: { ...words, limit, cursor } }),
  );
  return (
    <>
      <div class="head">
        <h1>Task runs</h1>
      </div>
      <Filters query={query} />
      <PerDay words={words} place={place} stamp={read.data} />
      <Loaded of={read}>
        {(data) =>
          pager.items.length === 0 && pager.cursor === null ? (
            <Empty title="No task runs that match">
              Take a filter away, or look at a longer time.
            </Empty>
          ) : (
            <>
              <List tasks={inOrder(pager.items, order)} order={order} />
              {!isNewest(order) && pager.cursor !== null && (
                <p class="hint">
                  In order are the newest {pager.items.length} that match; “Show more” adds older
                  ones.
                </p>
              )}
              <More pager={pager} whole={data.whole !== false || !isNewest(order)} />
            </>
          )
        }
      </Loaded>
    </>
  );
}

function List(props: { tasks: TaskRunShown[]; order: Order }) {
  const { order } = props;
  const spaced = props.tasks.some((one) => one.namespace);
  const sorted = (title: string, look = ""): Column => {
    const by = title.toLowerCase();
    const way = order.descending ? "descending" : "ascending";
    return [
      title,
      look,
      { order: order.by === by ? way : undefined, onAsk: () => ask({ by: chosen(by, order) }) },
    ];
  };
  return (
    <Table
      kind="task-runs"
      columns={[
        sorted("State"),
        sorted("Task"),
        sorted("Run", "less"),
        sorted("Id", "less"),
        sorted("Start"),
        sorted("End", "less"),
        sorted("Duration", "right"),
        ...(spaced ? [sorted("Namespace", "less")] : []),
        sorted("Workflow"),
        sorted("Attempts", "right less"),
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
  const ended = hasEnded(task);
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
      <td class="mono less">
        <Link to={run} class="plain" title={task.wf_run_id}>
          {shortOf(task.wf_run_id)}
        </Link>
      </td>
      <td class="mono faint less" title={task.guid}>
        {shortOf(task.guid)}
      </td>
      <td class="num">
        <Moment at={first?.scheduled_at} />
      </td>
      <td class="num less">{ended && <Moment at={last?.ended_at} />}</td>
      <td class="right">
        <Lasted from={first?.scheduled_at} to={ended ? last?.ended_at : null} runs={!ended} />
      </td>
      {props.spaced && <td class="less">{task.namespace}</td>}
      <td>
        <Link to={`/workflows/${part(task.wf_spec)}`} class="plain">
          {flow}
        </Link>
      </td>
      <td
        class="right num less"
        title={last?.worker ? `the last one by ${last.worker}` : undefined}
      >
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
      <WorkflowFilter query={query} />
      <TimeFilter within={WITHIN_S} query={query} />
      <MoreFilters names={["task", "child_filter", "label"]} query={query}>
        <WordFilter name="task" label="Node" query={query} />
        <ChildFilter query={query} />
        <LabelFilter query={query} />
      </MoreFilters>
      <StatusFilter label="States" statuses={STATES} query={query} />
    </div>
  );
}
