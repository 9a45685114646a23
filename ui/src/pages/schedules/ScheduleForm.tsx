// The form that makes a schedule, or puts another in the place of one.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { call } from "../../api/client";
import type { Misfire, ScheduleShown } from "../../api/types";
import { useRead } from "../../base/read";
import { useZone } from "../../base/times";
import { Dialog } from "../../parts/dialog";
import { notify, Problem } from "../../parts/feedback";
import { Field, type FieldSpec } from "../../parts/fields";
import { inputsOf } from "../RunForm";
import {
  AT,
  bodyOf,
  change,
  CRON,
  draftOf,
  fieldOf,
  fieldsFor,
  ID,
  NEW,
  TIME_ZONE,
  WF_SPEC,
  type Draft,
} from "./schedule";

const NO_INPUTS: FieldSpec[] = [];
const ALL_SPECS = 1000;
const ZONES = ["UTC", ...Intl.supportedValuesOf("timeZone")];
const OFTEN: [cron: string, title: string][] = [
  ["*/5 * * * *", "every 5 minutes"],
  ["0 * * * *", "every hour"],
  ["0 0 * * *", "every day at midnight"],
  ["0 8 * * 1-5", "at 8 on workdays"],
  ["0 0 * * 1", "every Monday at midnight"],
  ["0 0 1 * *", "on the first of each month"],
];
const MISFIRES: [Misfire, string][] = [
  ["SKIP", "leave them out"],
  ["RUN_ONCE", "one run for all of them"],
  ["RUN_ALL", "a run for each"],
];

export function ScheduleForm(props: {
  was: ScheduleShown | null;
  wfSpec: string;
  onClose: () => void;
  onDone: () => Promise<void>;
}) {
  const { was } = props;
  const zone = useZone();
  const [draft, setDraft] = useState<Draft>(() =>
    was ? draftOf(was, zone) : { ...NEW, wfSpec: props.wfSpec },
  );
  const [wrong, setWrong] = useState<Record<string, string>>({});
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const known = useRead("specs", (signal) =>
    call("GET /v1/wf-specs", { query: { limit: ALL_SPECS }, signal }),
  );
  const version = was?.version ?? undefined;
  const spec = useRead(draft.wfSpec ? `spec ${draft.wfSpec} ${version}` : null, (signal) =>
    call("GET /v1/wf-specs/{name}", {
      path: { name: draft.wfSpec },
      query: { version },
      signal,
    }),
  );
  const fields = spec.data ? fieldsFor(was, inputsOf(spec.data)) : NO_INPUTS;
  const set = (words: Partial<Draft>) => setDraft({ ...draft, ...words });
  const refused = (problem: Error) => {
    const name = fieldOf(problem, fields);
    if (name) setWrong({ [name]: problem.message });
    else setError(problem);
  };
  const send = async (event: Event) => {
    event.preventDefault();
    const made = bodyOf(draft, fields, was, zone);
    setWrong(made.wrong);
    setError(null);
    if (Object.keys(made.wrong).length) return;
    setBusy(true);
    try {
      if (was) await change(was, made.body);
      else await call("POST /v1/schedules", { body: made.body });
      notify(was ? "Schedule changed" : "Schedule made");
      await props.onDone();
      props.onClose();
    } catch (problem) {
      refused(problem as Error);
      setBusy(false);
    }
  };
  return (
    <Dialog title={was ? `Schedule ${was.schedule_id}` : "New schedule"} onClose={props.onClose}>
      <form onSubmit={(event) => void send(event)} noValidate>
        <Line name={WF_SPEC} title="Workflow" wrong={wrong}>
          {(shared) => (
            <select
              {...shared}
              value={draft.wfSpec}
              disabled={was !== null}
              onChange={(event) => set({ wfSpec: event.currentTarget.value, inputs: {} })}
            >
              <option value="">choose</option>
              {namesWith(draft.wfSpec, known.data?.items ?? []).map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          )}
        </Line>
        {!was && (
          <Line name={ID} title="Id" about="optional" wrong={wrong}>
            {(shared) => (
              <input
                {...shared}
                spellcheck={false}
                value={draft.id}
                onInput={(event) => set({ id: event.currentTarget.value })}
              />
            )}
          </Line>
        )}
        <When draft={draft} set={set} wrong={wrong} />
        {(spec.error ? [] : fields).map((field) => (
          <Field
            key={field.name}
            field={field}
            text={draft.inputs[field.name]}
            wrong={wrong[field.name]}
            onText={(text) => set({ inputs: { ...draft.inputs, [field.name]: text } })}
          />
        ))}
        {spec.error && <Problem error={spec.error} />}
        <More draft={draft} set={set} />
        {was && (
          <p class="hint">
            A changed schedule begins anew: what came of its last times is forgotten.
          </p>
        )}
        {error && <Problem error={error} />}
        <footer>
          <button type="button" onClick={props.onClose}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={busy || !spec.data}>
            {was ? "Save" : "Make"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}

/** Names to choose from, with the chosen one though it is not among the first. */
function namesWith(chosen: string, found: { name: string }[]): string[] {
  const names = found.map((one) => one.name);
  return chosen && !names.includes(chosen) ? [chosen, ...names] : names;
}

interface Part {
  draft: Draft;
  set: (words: Partial<Draft>) => void;
}

function When(props: Part & { wrong: Record<string, string> }) {
  const { draft, set, wrong } = props;
  const zone = useZone();
  return (
    <>
      <Line name="*when" title="When" wrong={{}}>
        {(shared) => (
          <select
            {...shared}
            value={draft.once ? "once" : "cron"}
            onChange={(event) => set({ once: event.currentTarget.value === "once" })}
          >
            <option value="cron">again and again, by cron</option>
            <option value="once">once</option>
          </select>
        )}
      </Line>
      {draft.once ? (
        <Line
          name={AT}
          title="Day and time"
          about={zone === "utc" ? "UTC" : "local time"}
          wrong={wrong}
        >
          {(shared) => (
            <input
              {...shared}
              type="datetime-local"
              step="1"
              value={draft.at}
              onInput={(event) => set({ at: event.currentTarget.value })}
            />
          )}
        </Line>
      ) : (
        <>
          <Line name={CRON} title="Cron" about="minute hour day month weekday" wrong={wrong}>
            {(shared) => (
              <input
                {...shared}
                class="mono"
                autocomplete="off"
                spellcheck={false}
                placeholder="0 8 * * 1-5"
                value={draft.cron}
                onInput={(event) => set({ cron: event.currentTarget.value })}
              />
            )}
          </Line>
          <div class="chips often" role="group" aria-label="Often used">
            {OFTEN.map(([cron, title]) => (
              <button
                key={cron}
                type="button"
                class="chip"
                aria-pressed={draft.cron === cron}
                onClick={() => set({ cron })}
              >
                {title}
              </button>
            ))}
          </div>
          <Line name={TIME_ZONE} title="Time zone" about="by whose clocks" wrong={wrong}>
            {(shared) => (
              <>
                <input
                  {...shared}
                  list="time-zones"
                  spellcheck={false}
                  value={draft.timeZone}
                  onInput={(event) => set({ timeZone: event.currentTarget.value })}
                />
                <datalist id="time-zones">
                  {ZONES.map((one) => (
                    <option key={one} value={one} />
                  ))}
                </datalist>
              </>
            )}
          </Line>
        </>
      )}
    </>
  );
}

function More(props: Part) {
  const { draft, set } = props;
  return (
    <details>
      <summary>Missed times, labels, paused</summary>
      <Line name="*misfire" title="Times that passed while the engine was down" wrong={{}}>
        {(shared) => (
          <select
            {...shared}
            value={draft.misfire}
            onChange={(event) => set({ misfire: event.currentTarget.value as Misfire })}
          >
            {MISFIRES.map(([value, title]) => (
              <option key={value} value={value}>
                {title}
              </option>
            ))}
          </select>
        )}
      </Line>
      <Line name="*labels" title="Labels of its runs" about="one a line, as key:value" wrong={{}}>
        {(shared) => (
          <textarea
            {...shared}
            rows={2}
            spellcheck={false}
            value={draft.labels}
            onInput={(event) => set({ labels: event.currentTarget.value })}
          />
        )}
      </Line>
      <label class="check">
        <input
          type="checkbox"
          checked={draft.paused}
          onChange={(event) => set({ paused: event.currentTarget.checked })}
        />{" "}
        Paused: it starts nothing until it is resumed
      </label>
    </details>
  );
}

interface Shared {
  id: string;
  "aria-invalid": boolean;
  "aria-describedby": string;
}

/** A field with its name, and with what is wrong below it. */
function Line(props: {
  name: string;
  title: string;
  about?: string;
  wrong: Record<string, string>;
  children: (shared: Shared) => ComponentChildren;
}) {
  const id = `schedule-${props.name.slice(1)}`;
  const wrong = props.wrong[props.name];
  return (
    <div class="field">
      <label for={id}>
        {props.title} {props.about && <small class="faint">{props.about}</small>}
      </label>
      {props.children({
        id,
        "aria-invalid": Boolean(wrong),
        "aria-describedby": `${id}-hint`,
      })}
      <small id={`${id}-hint`} class="bad" role={wrong ? "alert" : undefined}>
        {wrong}
      </small>
    </div>
  );
}
