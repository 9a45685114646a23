// A verb's form; what was done is seen as soon as it is closed.
import { useState } from "preact/hooks";
import { call, type Route } from "../../api/client";
import { go, part } from "../../base/router";
import { Dialog } from "../../parts/dialog";
import { notify, Problem } from "../../parts/feedback";
import { Field, valuesOf, type Texts } from "../../parts/fields";
import { wordOf } from "../../parts/status";
import type { WfRunShown } from "../../api/types";
import type { Action } from "./actions";

type Told = { wf_run_id?: string; wf_run_status?: string; status?: string };

/** What has come of it, as far as the answer says. */
function resultOf(told: Told): string {
  if (told.wf_run_status) return `the run is ${wordOf(told.wf_run_status)}`;
  return told.status ? `it is ${wordOf(told.status)}` : "done";
}

export function ActionDialog(props: {
  run: WfRunShown;
  action: Action;
  preset?: Texts;
  onClose: () => void;
  onDone: () => Promise<void>;
}) {
  const { action, run } = props;
  const [texts, setTexts] = useState<Texts>(props.preset ?? {});
  const [wrong, setWrong] = useState<Record<string, string>>({});
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const send = async (event: Event) => {
    event.preventDefault();
    const made = valuesOf(action.fields, texts);
    setWrong(made.wrong);
    if (Object.keys(made.wrong).length) return;
    setBusy(true);
    setError(null);
    try {
      const route = `POST /v1/wf-runs/{wf_run_id}/actions/${action.verb}` as Route &
        `POST /v1/wf-runs/{wf_run_id}/actions/stop`;
      const told = (await call(route, {
        path: { wf_run_id: run.wf_run_id },
        body: made.values,
      })) as Told;
      notify(`${action.title}: ${resultOf(told)}`);
      if (action.verb === "delete") go("/runs");
      else if (action.verb === "replay" && told.wf_run_id) go(`/runs/${part(told.wf_run_id)}`);
      else await props.onDone();
      props.onClose();
    } catch (problem) {
      setError(problem as Error);
      setBusy(false);
    }
  };
  return (
    <Dialog title={action.title} onClose={props.onClose}>
      <form onSubmit={(event) => void send(event)} noValidate>
        <p class="hint">{action.about}</p>
        {action.fields.map((field) => (
          <Field
            key={field.name}
            field={field}
            text={texts[field.name]}
            wrong={wrong[field.name]}
            onText={(text) => setTexts({ ...texts, [field.name]: text })}
          />
        ))}
        {error && <Problem error={error} />}
        <footer>
          <button type="button" onClick={props.onClose}>
            Cancel
          </button>
          <button
            type="submit"
            class={action.danger ? "primary danger" : "primary"}
            disabled={busy}
          >
            {action.title}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
