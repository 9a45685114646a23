// The form that starts a run, made of the inputs of the workflow's first thread.
import { useState } from "preact/hooks";
import { call } from "../api/client";
import type { WfSpecShown } from "../api/types";
import { go, part } from "../base/router";
import { Dialog } from "../parts/dialog";
import { notify, Problem } from "../parts/feedback";
import { Field, valuesOf, type FieldSpec, type Texts } from "../parts/fields";

export function inputsOf(spec: WfSpecShown): FieldSpec[] {
  const declared = spec.spec.threads[spec.spec.entrypoint]?.variables ?? [];
  return declared
    .filter((one) => one.access !== "INHERITED_VAR")
    .map((one) => ({
      name: one.name,
      type: one.type,
      required: one.required ?? false,
      masked: one.masked ?? false,
      hint:
        one.default === undefined || one.default === null
          ? ""
          : `${JSON.stringify(one.default)} if nothing is said`,
    }));
}

export function RunForm(props: { spec: WfSpecShown; onClose: () => void }) {
  const { spec } = props;
  const fields = inputsOf(spec);
  const [texts, setTexts] = useState<Texts>({});
  const [id, setId] = useState("");
  const [labels, setLabels] = useState("");
  const [wrong, setWrong] = useState<Record<string, string>>({});
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const start = async (event: Event) => {
    event.preventDefault();
    const made = valuesOf(fields, texts);
    setWrong(made.wrong);
    if (Object.keys(made.wrong).length) return;
    setBusy(true);
    setError(null);
    try {
      const started = await call("POST /v1/wf-runs", {
        body: {
          wf_spec: spec.name,
          version: spec.version,
          variables: made.values,
          labels: labelsOf(labels),
          ...(id.trim() ? { wf_run_id: id.trim() } : {}),
        },
      });
      notify(started.repeated ? "This run had been started before" : "Run started");
      props.onClose();
      go(`/runs/${part(started.wf_run_id)}`);
    } catch (problem) {
      setError(problem as Error);
      setBusy(false);
    }
  };
  return (
    <Dialog title={`Run ${spec.name}`} onClose={props.onClose}>
      <form onSubmit={(event) => void start(event)} noValidate>
        {fields.length === 0 && <p class="hint">This workflow takes no inputs.</p>}
        {fields.map((field) => (
          <Field
            key={field.name}
            field={field}
            text={texts[field.name]}
            wrong={wrong[field.name]}
            onText={(text) => setTexts({ ...texts, [field.name]: text })}
          />
        ))}
        <details>
          <summary>Id and labels</summary>
          <div class="field">
            <label for="run-id">
              Run id <small class="faint">optional</small>
            </label>
            <input
              id="run-id"
              spellcheck={false}
              value={id}
              onInput={(event) => setId(event.currentTarget.value)}
            />
            <small class="faint">The same id is never started twice.</small>
          </div>
          <div class="field">
            <label for="run-labels">
              Labels <small class="faint">one a line, as key:value</small>
            </label>
            <textarea
              id="run-labels"
              rows={2}
              spellcheck={false}
              value={labels}
              onInput={(event) => setLabels(event.currentTarget.value)}
            />
          </div>
        </details>
        {error && <Problem error={error} />}
        <footer>
          <button type="button" onClick={props.onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={busy}>
            Start
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

/** `key:value` lines as labels. */
export function labelsOf(text: string): Record<string, string> {
  const pairs = text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
  return Object.fromEntries(
    pairs.map((line) => {
      const colon = line.indexOf(":");
      return colon < 0 ? [line, ""] : [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
    }),
  );
}
