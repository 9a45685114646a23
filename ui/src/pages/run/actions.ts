// What an operator can do to a run: each verb with what it asks for, and when it makes sense. The
// engine decides in the end, and says why not.
import type { Routes } from "../../api/types";
import type { FieldSpec } from "../../parts/fields";
import type { IconName } from "../../parts/icons";
import type { RunShown } from "./data";

type Actions = Extract<keyof Routes, `POST /v1/wf-runs/{wf_run_id}/actions/${string}`>;
export type Verb = Actions extends `${string}/actions/${infer Name}` ? Name : never;

export interface Action {
  verb: Verb;
  title: string;
  icon: IconName;
  about: string;
  fields: FieldSpec[];
  danger?: boolean;
  when: (run: RunShown) => boolean;
}

const live = (run: RunShown) => ["RUNNING", "HALTING", "HALTED"].includes(run.status);
const ended = (run: RunShown) => !live(run);
const failed = (run: RunShown) =>
  run.threads.some((one) => one.status === "ERROR" || one.status === "EXCEPTION");
const halted = (run: RunShown, why: string) =>
  run.threads.some((one) => one.halt_reasons.includes(why as never));
const THREAD: FieldSpec = {
  name: "thread",
  title: "Thread",
  type: "INT",
  required: false,
  hint: "0 is the first one, and with it the whole run",
};

export const ACTIONS: Action[] = [
  {
    verb: "stop",
    title: "Stop",
    icon: "stop",
    about: "The thread comes to a stop, with all threads below it, until it is resumed.",
    fields: [THREAD],
    when: (run) => live(run) && !halted(run, "MANUAL_HALT"),
  },
  {
    verb: "resume",
    title: "Resume",
    icon: "run",
    about: "What was stopped or paused goes on.",
    fields: [THREAD],
    when: (run) => live(run) && (halted(run, "MANUAL_HALT") || halted(run, "PAUSED")),
  },
  {
    verb: "pause",
    title: "Pause",
    icon: "pause",
    about: "Tasks that run are finished; nothing new is begun until the run is resumed.",
    fields: [THREAD],
    when: (run) => live(run) && !halted(run, "PAUSED"),
  },
  {
    verb: "rescue",
    title: "Rescue",
    icon: "lifebelt",
    about: "A thread that has failed goes on: it does its node again, or leaves it out.",
    fields: [
      THREAD,
      {
        name: "skip_current_node",
        title: "Leave the failed node out",
        type: "BOOL",
        required: false,
      },
    ],
    when: failed,
  },
  {
    verb: "restart",
    title: "Restart",
    icon: "again",
    about: "The run goes on from where it failed, in place: what was done well stays done.",
    fields: [],
    when: (run) => ended(run) && run.status !== "COMPLETED",
  },
  {
    verb: "replay",
    title: "Replay",
    icon: "again",
    about:
      "A new run does this one over again, from its beginning or from a node run on. This one stays as it is.",
    fields: [
      { name: "thread", title: "From thread", type: "INT", required: false },
      {
        name: "position",
        title: "From position",
        type: "INT",
        required: false,
        hint: "as the timeline counts them; from the beginning if nothing is said",
      },
      { name: "version", title: "In version", type: "INT", required: false },
    ],
    when: () => true,
  },
  {
    verb: "skip",
    title: "Skip a node",
    icon: "skip",
    about: "The thread leaves the node where it is, with an output that you give.",
    fields: [THREAD, { name: "output", title: "Output", type: "JSON", required: false }],
    when: live,
  },
  {
    verb: "edit-variable",
    title: "Edit a variable",
    icon: "edit",
    about: "A variable of a thread gets another value.",
    fields: [
      { name: "name", title: "Variable", type: "STR", required: true },
      { name: "value", title: "Value", type: "JSON", required: true },
      THREAD,
    ],
    when: live,
  },
  {
    verb: "force",
    title: "Let go ahead",
    icon: "bolt",
    about:
      "The run waits for a place no longer, though there may be more at work than the limit says.",
    fields: [],
    when: (run) => run.held,
  },
  {
    verb: "migrate",
    title: "Migrate",
    icon: "branch",
    about: "The run follows another version of its workflow.",
    fields: [
      {
        name: "version",
        title: "Version",
        type: "INT",
        required: false,
        hint: "the newest, if nothing is said",
      },
    ],
    when: live,
  },
  {
    verb: "set-labels",
    title: "Set labels",
    icon: "tag",
    about: "Labels are added or changed; those named below are taken away.",
    fields: [
      {
        name: "labels",
        title: "Labels",
        type: "JSON",
        required: false,
        hint: 'as {"key": "value"}',
      },
      {
        name: "remove",
        title: "Take away",
        type: "JSON",
        required: false,
        hint: 'as ["key"]',
      },
    ],
    when: () => true,
  },
  {
    verb: "kill",
    title: "Kill",
    icon: "kill",
    about: "The run ends for good, and so do its tasks.",
    danger: true,
    fields: [{ name: "cascade", title: "Runs below it, too", type: "BOOL", required: false }],
    when: live,
  },
  {
    verb: "delete",
    title: "Delete",
    icon: "trash",
    about: "The run and all that belongs to it is deleted. It can not be had back.",
    danger: true,
    fields: [],
    when: ended,
  },
];
