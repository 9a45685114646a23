// What a form says about a schedule, as the API takes it; and where in the form a refusal belongs.
import { ApiError, call } from "../../api/client";
import type { Misfire, ScheduleShown, ScheduleWf } from "../../api/types";
import { isMasked } from "../../base/masked";
import type { Zone } from "../../base/settings";
import { fieldTime, msOf, msOfField } from "../../base/times";
import { textsOf, valuesOf, type FieldSpec, type Texts } from "../../parts/fields";
import { labelsOf } from "../RunForm";

export interface Draft {
  id: string;
  wfSpec: string;
  once: boolean;
  cron: string;
  timeZone: string;
  at: string;
  misfire: Misfire;
  labels: string;
  paused: boolean;
  inputs: Texts;
}

export const NEW: Draft = {
  id: "",
  wfSpec: "",
  once: false,
  cron: "",
  timeZone: "UTC",
  at: "",
  misfire: "SKIP",
  labels: "",
  paused: false,
  inputs: {},
};

/** A schedule as a form shows it; what is masked has to be said again. */
export function draftOf(of: ScheduleShown, zone: Zone): Draft {
  return {
    id: of.schedule_id,
    wfSpec: of.wf_spec,
    once: of.cron === null,
    cron: of.cron ?? "",
    timeZone: of.time_zone,
    at: of.at ? fieldTime(of.at, zone) : "",
    misfire: of.misfire,
    labels: Object.entries(of.labels)
      .map(([name, value]) => `${name}:${value}`)
      .join("\n"),
    paused: of.status === "PAUSED",
    inputs: textsOf(
      Object.fromEntries(Object.entries(of.variables).filter(([, value]) => !isMasked(value))),
    ),
  };
}

/** The inputs to be asked for: one that was given and is masked is needed again. */
export function fieldsFor(was: ScheduleShown | null, inputs: FieldSpec[]): FieldSpec[] {
  return inputs.map((one) =>
    was && isMasked(was.variables[one.name])
      ? { ...one, required: true, hint: "masked, so it has to be said again" }
      : one,
  );
}

/** The body of a request, or what is wrong with the form. */
export function bodyOf(
  draft: Draft,
  fields: readonly FieldSpec[],
  was: ScheduleShown | null,
  zone: Zone,
): { body: ScheduleWf; wrong: Record<string, string> } {
  const { values, wrong } = valuesOf(fields, draft.inputs);
  const atMs = msOfField(draft.at, zone);
  if (!draft.wfSpec) wrong[WF_SPEC] = "this is needed";
  if (!draft.once && draft.timeZone.trim() && !isZone(draft.timeZone.trim()))
    wrong[TIME_ZONE] = "no time zone has this name";
  if (draft.once && !Number.isFinite(atMs)) wrong[AT] = "a day and a time are wanted";
  const body: ScheduleWf = {
    ...(was ? kept(was) : {}),
    ...(draft.id.trim() ? { schedule_id: draft.id.trim() } : {}),
    wf_spec: draft.wfSpec,
    ...(draft.once ? { at_ms: atMs } : { cron: draft.cron.trim(), ...(was ? span(was) : {}) }),
    time_zone: draft.timeZone.trim() || "UTC",
    misfire: draft.misfire,
    labels: labelsOf(draft.labels),
    paused: draft.paused,
    variables: values,
  };
  return { body, wrong };
}

/** The engine takes any name that a zone could have: a schedule by one that there is not fails. */
function isZone(name: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone: name }));
  } catch {
    return false;
  }
}

/** What the form does not ask for stays as it was. */
function kept(was: ScheduleShown): Partial<ScheduleWf> {
  const { version, major, revision, parent, trigger, grace_ms, catch_up_max } = was;
  return { version, major, revision, parent, trigger, grace_ms, catch_up_max };
}

/** From when until when it counts. All since a beginning that is past would be made up for. */
function span(was: ScheduleShown): Partial<ScheduleWf> {
  const [startMs, endMs] = [msOf(was.start_at), msOf(was.end_at)];
  return {
    ...(startMs > Date.now() ? { start_at_ms: startMs } : {}),
    ...(Number.isFinite(endMs) ? { end_at_ms: endMs } : {}),
  };
}

/**
 * Put another in the place of a schedule. The engine changes none: it is deleted and made anew, but
 * not before the engine has taken the new one under another id, paused. So what is refused leaves
 * the old one as it was.
 */
export async function change(was: ScheduleShown, body: ScheduleWf): Promise<void> {
  const trial = await call("POST /v1/schedules", {
    body: { ...body, schedule_id: null, paused: true },
  });
  await remove(trial.schedule_id);
  await remove(was.schedule_id);
  await call("POST /v1/schedules", { body });
}

/** Delete a schedule, unless somebody has. */
export async function remove(schedule_id: string): Promise<void> {
  try {
    await call("DELETE /v1/schedules/{schedule_id}", { path: { schedule_id } });
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== "SCHEDULE_UNKNOWN") throw error;
  }
}

// Fields of the form that are no inputs have names that no variable can have.
export const WF_SPEC = "*wf_spec";
export const ID = "*schedule_id";
export const CRON = "*cron";
export const TIME_ZONE = "*time_zone";
export const AT = "*at";

const OF_CODE: Record<string, string> = {
  SPEC_UNKNOWN: WF_SPEC,
  ALREADY_EXISTS: ID,
  BAD_ID: ID,
  BAD_NAME: ID,
};
const OF_WORD: [RegExp, string][] = [
  [/^(cron |when\?)/, CRON],
  [/^time_zone /, TIME_ZONE],
  [/^at_ms /, AT],
];

/** The field that a refusal is about; null if it is about none of them. */
export function fieldOf(error: Error, fields: readonly FieldSpec[]): string | null {
  if (!(error instanceof ApiError)) return null;
  const own = OF_CODE[error.code] ?? OF_WORD.find(([word]) => word.test(error.message))?.[1];
  if (own) return own;
  return fields.find((one) => error.message.includes(`'${one.name}'`))?.name ?? null;
}
