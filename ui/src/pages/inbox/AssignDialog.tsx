// Gives a user task to a user, to a group, or to a user of a group.
import { useState } from "preact/hooks";
import { call } from "../../api/client";
import type { UserTaskShown } from "../../api/types";
import { Dialog } from "../../parts/dialog";
import { notify, Problem } from "../../parts/feedback";

export function AssignDialog(props: {
  task: UserTaskShown;
  onClose: () => void;
  onDone: () => Promise<void>;
}) {
  const { task } = props;
  const [user, setUser] = useState(task.user_id ?? "");
  const [group, setGroup] = useState(task.user_group ?? "");
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const taken = task.user_id !== null && user.trim() !== task.user_id;
  const send = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await call("POST /v1/user-task-runs/{wf_run_id}/{guid}/actions/assign", {
        path: { wf_run_id: task.wf_run_id, guid: task.guid },
        body: {
          user_id: user.trim() || null,
          user_group: group.trim() || null,
          override_claim: taken,
        },
      });
      notify("Assigned");
      await props.onDone();
      props.onClose();
    } catch (problem) {
      setError(problem as Error);
      setBusy(false);
    }
  };
  return (
    <Dialog title={`Assign ${task.user_task_def}`} onClose={props.onClose}>
      <form onSubmit={(event) => void send(event)}>
        <p class="hint">
          Name a user, a group, or a user of a group: what is left empty, it has no more.
        </p>
        <label>
          User
          <input
            spellcheck={false}
            value={user}
            onInput={(event) => setUser(event.currentTarget.value)}
          />
        </label>
        <label>
          Group
          <input
            spellcheck={false}
            value={group}
            onInput={(event) => setGroup(event.currentTarget.value)}
          />
        </label>
        {taken && <p class="hint">It is taken from {task.user_id}.</p>}
        {error && <Problem error={error} />}
        <footer>
          <button type="button" onClick={props.onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={busy || !(user.trim() || group.trim())}>
            Assign
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
