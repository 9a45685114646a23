// One node of a run: each time that it was reached, its attempts with their logs, and what can be
// done about it.
import { useState } from "preact/hooks";
import type { AttemptShown, NodeRunShown, TaskRunShown } from "../../api/types";
import { ask, Link } from "../../base/router";
import { Icon } from "../../parts/icons";
import { Json } from "../../parts/json";
import { Status, wordOf } from "../../parts/status";
import { Lasted, Moment } from "../../parts/times";
import { placeOf, threadSpecOf, type RunData } from "./data";
import { NodeActions } from "./NodeActions";

const TIMES_MAX = 200;

/** What of the run is looked at; `place` is a node run's, if one is meant. */
export interface Chosen {
  id: string;
  thread: string;
  node: string;
  place: string | null;
}

export function Inspector(props: { data: RunData; chosen: Chosen; reload: () => Promise<void> }) {
  const { data, chosen } = props;
  const spec = data.spec.threads[chosen.thread]?.nodes[chosen.node];
  const times = data.nodes.filter(
    (one) => one.node === chosen.node && threadSpecOf(data.run, one.thread) === chosen.thread,
  );
  const node = times.find((one) => placeOf(one) === chosen.place);
  const task = node?.task ? data.tasks.find((one) => one.id === node.task) : undefined;
  return (
    <aside class="inspector" aria-label={`Node ${chosen.node}`}>
      <header>
        <h2 class="cut">{chosen.node}</h2>
        <small class="faint">
          {wordOf(spec?.type ?? node?.node_type ?? "")} in thread {chosen.thread}
        </small>
        <button
          type="button"
          class="ghost close"
          aria-label="Close"
          onClick={() => ask({ node: "", at: "" })}
        >
          <Icon name="close" />
        </button>
      </header>
      {times.length > 1 && (
        <label class="times">
          Reached {times.length} times
          <select
            value={chosen.place ?? ""}
            onChange={(event) => ask({ node: "", at: event.currentTarget.value })}
          >
            {times.slice(-TIMES_MAX).map((one) => (
              <option
                key={placeOf(one)}
                value={placeOf(one)}
              >{`thread ${one.thread}, position ${one.position}: ${wordOf(one.status)}`}</option>
            ))}
          </select>
        </label>
      )}
      {!node && <p class="hint">The run has not come here{data.run.ended_at ? "." : " yet."}</p>}
      {node && <NodeRun node={node} task={task} {...props} />}
      {spec && (
        <details>
          <summary>As it is defined</summary>
          <Json value={spec} open />
        </details>
      )}
    </aside>
  );
}

function NodeRun(props: {
  node: NodeRunShown;
  task: TaskRunShown | undefined;
  data: RunData;
  reload: () => Promise<void>;
}) {
  const { node, task, data } = props;
  const ended = ["COMPLETED", "ERROR", "EXCEPTION"].includes(node.status);
  return (
    <>
      <div class="facts">
        <Status of={node.status} />
        {node.skipped && <span class="pill">left out</span>}
        {node.warned && <span class="pill warn">warned</span>}
        <span>
          <Lasted
            from={node.history[0]?.at}
            to={ended ? node.history.at(-1)?.at : null}
            runs={!ended && !data.run.ended_at}
          />
        </span>
        <span class="faint">
          since <Moment at={node.history[0]?.at} />
        </span>
      </div>
      {data.asOf === null && (
        <NodeActions run={data.run} node={node} task={task} reload={props.reload} />
      )}
      {node.failure && (
        <div class="failure">
          <b>{node.failure.name}</b> {node.failure.message}
          {node.failure.content !== null && node.failure.content !== undefined && (
            <Json value={node.failure.content} />
          )}
        </div>
      )}
      {node.user_task && (
        <p>
          <Link to={`/user-tasks/${node.user_task}`}>Open the user task</Link>
        </p>
      )}
      {node.correlation_key && (
        <p>
          <span class="faint">key</span> <code>{node.correlation_key}</code>
        </p>
      )}
      {node.output !== null && node.output !== undefined && (
        <section>
          <h3>Output</h3>
          <Json value={node.output} />
        </section>
      )}
      {task && <Task task={task} />}
    </>
  );
}

function Task(props: { task: TaskRunShown }) {
  const { task } = props;
  const [number, setNumber] = useState<number | null>(null);
  const attempt = task.attempts.find((one) => one.number === number) ?? task.attempts.at(-1);
  return (
    <>
      <section>
        <h3>Inputs</h3>
        <Json value={task.inputs} />
      </section>
      <section>
        <h3>
          {task.task_def}{" "}
          <small class="faint">
            at most {task.max_attempts} attempt{task.max_attempts === 1 ? "" : "s"}
          </small>
        </h3>
        <div class="chips" role="group" aria-label="Attempts">
          {task.attempts.map((one) => (
            <button
              key={one.number}
              type="button"
              class="chip"
              aria-pressed={one === attempt}
              onClick={() => setNumber(one.number)}
            >
              <Status of={one.status} text={`attempt ${one.number}`} />
            </button>
          ))}
        </div>
        {attempt && <Attempt attempt={attempt} />}
      </section>
    </>
  );
}

function Attempt(props: { attempt: AttemptShown }) {
  const { attempt } = props;
  return (
    <>
      <dl class="pairs">
        <dt>Status</dt>
        <dd>
          <Status of={attempt.status} />
          {attempt.warning && <span class="pill warn">warning</span>}
        </dd>
        <dt>In the queue</dt>
        <dd>
          <Lasted from={attempt.scheduled_at} to={attempt.started_at ?? attempt.ended_at} />
        </dd>
        {attempt.started_at && (
          <>
            <dt>At work</dt>
            <dd>
              <Lasted from={attempt.started_at} to={attempt.ended_at} />
            </dd>
          </>
        )}
        <dt>Worker</dt>
        <dd>
          {attempt.worker || <span class="faint">none yet</span>}{" "}
          <small class="faint">{attempt.worker_version}</small>
        </dd>
      </dl>
      {attempt.failure && (
        <div class="failure">
          <b>{attempt.failure.name}</b> {attempt.failure.message}
        </div>
      )}
      {attempt.output !== null && attempt.output !== undefined && <Json value={attempt.output} />}
      {attempt.logs ? (
        <pre class="attempt-log" tabIndex={0}>
          {attempt.logs}
        </pre>
      ) : (
        <p class="faint">It has written no log.</p>
      )}
    </>
  );
}
