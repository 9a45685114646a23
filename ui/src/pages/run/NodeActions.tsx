// What can be done about one node run: the verbs that need to be told which task or node is meant.
import { useState } from "preact/hooks";
import type { NodeRunShown, TaskRunShown } from "../../api/types";
import type { Texts } from "../../parts/fields";
import { Icon } from "../../parts/icons";
import { isLive } from "../../parts/status";
import { ActionDialog } from "./ActionDialog";
import { ACTIONS, type Action } from "./actions";
import type { RunShown } from "./data";

interface Offer {
  action: Action;
  preset: Texts;
}

const byVerb = (verb: Action["verb"]): Action => ACTIONS.find((one) => one.verb === verb)!;
const GUID = { name: "guid", title: "Task run", type: "STR", required: true };
const GRACE = {
  name: "grace_ms",
  title: "Grace in ms",
  type: "INT",
  required: false,
  hint: "how long the worker has to come to an end",
};
const RETRY_NOW: Action = {
  verb: "retry-now",
  title: "Retry now",
  icon: "again",
  about: "The next attempt is made at once, not after the backoff.",
  fields: [GUID],
  when: () => true,
};
const SHUT_DOWN: Action = {
  verb: "shutdown-task",
  title: "Stop the task",
  icon: "stop",
  about: "The worker is asked to stop; the task is cancelled.",
  fields: [GUID, GRACE],
  when: () => true,
};
const RESTART: Action = {
  verb: "restart-task",
  title: "Restart the task",
  icon: "again",
  about: "The attempt is given up, and another one made that does not count.",
  fields: [GUID, GRACE],
  when: () => true,
};
const STATES = "TASK_SUCCESS, TASK_FAILED, TASK_EXCEPTION or TASK_CANCELLED";
const CHANGE: Action = {
  verb: "change-state",
  title: "Change the task's state",
  icon: "edit",
  about: "Says by hand how the task has ended; the run goes on from there.",
  fields: [
    GUID,
    { name: "status", title: "State", type: "STR", required: true, hint: STATES },
    { name: "output", title: "Output", type: "JSON", required: false },
  ],
  when: () => true,
};

function offersOf(run: RunShown, node: NodeRunShown, task: TaskRunShown | undefined): Offer[] {
  const thread = run.threads.find((one) => one.number === node.thread);
  const there = thread?.position === node.position;
  const place: Texts = { thread: String(node.thread), position: String(node.position) };
  const found: Offer[] = [];
  const guid = task?.guid;
  if (task && guid && there) {
    const last = task.attempts.at(-1);
    if (task.status === "TASK_PENDING" && last?.ended_at)
      found.push({ action: RETRY_NOW, preset: { guid } });
    if (task.status === "TASK_RUNNING" || task.status === "TASK_SCHEDULED") {
      found.push({ action: SHUT_DOWN, preset: { guid } }, { action: RESTART, preset: { guid } });
    }
    found.push({ action: CHANGE, preset: { guid } });
  }
  if (there && thread && isLive(thread.status))
    found.push({ action: byVerb("skip"), preset: { thread: place.thread } });
  if (there && thread && (thread.status === "ERROR" || thread.status === "EXCEPTION")) {
    found.push({ action: byVerb("rescue"), preset: { thread: place.thread } });
  }
  found.push({ action: byVerb("replay"), preset: place });
  return found;
}

export function NodeActions(props: {
  run: RunShown;
  node: NodeRunShown;
  task: TaskRunShown | undefined;
  reload: () => Promise<void>;
}) {
  const { run, node, task } = props;
  const [chosen, setChosen] = useState<Offer | null>(null);
  return (
    <div class="node-actions">
      {offersOf(run, node, task).map((offer) => (
        <button
          key={offer.action.verb}
          type="button"
          class="small"
          onClick={() => setChosen(offer)}
        >
          <Icon name={offer.action.icon} />{" "}
          {offer.action.verb === "replay" ? "Replay from here" : offer.action.title}
        </button>
      ))}
      {chosen && (
        <ActionDialog
          run={run}
          action={chosen.action}
          preset={chosen.preset}
          onClose={() => setChosen(null)}
          onDone={props.reload}
        />
      )}
    </div>
  );
}
