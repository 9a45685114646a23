// A user task: its form, who has it, what was said about it, and all that has happened to it.
import { useEffect, useState } from "preact/hooks";
import { call } from "../api/client";
import type { UserTaskDefShown, UserTaskShown } from "../api/types";
import { useChanges, useRead } from "../base/read";
import { Link, part } from "../base/router";
import { person } from "../base/settings";
import { useStore } from "../base/store";
import { Confirm } from "../parts/dialog";
import { Loaded, notify, Problem } from "../parts/feedback";
import { Field, textsOf, valuesOf, type FieldSpec, type Texts } from "../parts/fields";
import { Icon } from "../parts/icons";
import { Status, wordOf } from "../parts/status";
import { Moment } from "../parts/times";
import { AssignDialog } from "./inbox/AssignDialog";
import { Comments } from "./inbox/Comments";

const LOOK_AGAIN_MS = 600;

export function UserTaskPage(props: { run: string; guid: string }) {
  const path = { wf_run_id: props.run, guid: props.guid };
  useEffect(() => void (document.title = "User task · Penstock"), []);
  const read = useRead(`user task ${props.run} ${props.guid}`, async (signal) => {
    const [task, events, comments] = await Promise.all([
      call("GET /v1/user-task-runs/{wf_run_id}/{guid}", { path, signal }),
      call("GET /v1/user-task-runs/{wf_run_id}/{guid}/events", {
        path,
        query: { limit: 200 },
        signal,
      }),
      call("GET /v1/user-task-runs/{wf_run_id}/{guid}/comments", {
        path,
        query: { limit: 200 },
        signal,
      }),
    ]);
    const form = await call("GET /v1/user-task-defs/{name}", {
      path: { name: task.user_task_def },
      query: { version: task.version },
      signal,
    });
    return { task, form, events: events.items, comments: comments.items };
  });
  useChanges(`/v1/wf-runs/${part(props.run)}/follow`, read.reload, LOOK_AGAIN_MS);
  return (
    <Loaded of={read}>
      {({ task, form, events, comments }) => (
        <>
          <div class="head">
            <div class="crumbs">
              <Link to="/user-tasks">User tasks</Link> <Icon name="right" />
            </div>
            <h1>{task.user_task_def}</h1>
            <Status of={task.status} />
            <div class="facts">
              <span>
                <span class="faint">run</span>{" "}
                <Link
                  to={`/runs/${part(task.wf_run_id)}?at=${part(`${task.thread}/${task.position}`)}`}
                  class="mono"
                >
                  {task.wf_run_id}
                </Link>
              </span>
              <span>
                <span class="faint">user</span> {task.user_id ?? "–"}
              </span>
              <span>
                <span class="faint">group</span> {task.user_group ?? "none"}
              </span>
              <span>
                <span class="faint">since</span> <Moment at={task.scheduled_at} full />
              </span>
            </div>
          </div>
          <div class="columns">
            <Form task={task} form={form} reload={read.reload} />
            <section class="panel">
              <h2>What has happened</h2>
              <ol class="story">
                {events.map((one) => (
                  <li key={one.number}>
                    <span class="num faint">
                      <Moment at={one.at} />
                    </span>
                    <i class="dot tone-still" />
                    <Icon name="person" />
                    <div>
                      {wordOf(one.kind)}
                      {one.user_id ? `: ${one.user_id}` : ""}
                      {one.user_group ? `, group ${one.user_group}` : ""}{" "}
                      <small class="faint">by {one.principal}</small>
                      {one.message && <p>{one.message}</p>}
                    </div>
                  </li>
                ))}
              </ol>
              <h2>Comments</h2>
              <Comments task={task} comments={comments} reload={read.reload} />
            </section>
          </div>
        </>
      )}
    </Loaded>
  );
}

const LIVE = ["UNASSIGNED", "ASSIGNED"];

function Form(props: { task: UserTaskShown; form: UserTaskDefShown; reload: () => Promise<void> }) {
  const { task, form } = props;
  const me = useStore(person).user || task.user_id || "";
  const fields: FieldSpec[] = form.fields.map((one) => ({
    name: one.name,
    title: one.display_name ?? one.name,
    type: one.type,
    required: one.required,
    hint: one.description ?? "",
  }));
  const [texts, setTexts] = useState<Texts>(() => textsOf(task.results));
  const [wrong, setWrong] = useState<Record<string, string>>({});
  const [error, setError] = useState<Error | null>(null);
  const [asked, setAsked] = useState<"assign" | "cancel" | null>(null);
  const path = { wf_run_id: task.wf_run_id, guid: task.guid };
  const live = LIVE.includes(task.status);
  const done = async (what: string, doing: Promise<unknown>) => {
    setError(null);
    try {
      await doing;
      notify(what);
      await props.reload();
    } catch (problem) {
      setError(problem as Error);
    }
  };
  const complete = (event: Event) => {
    event.preventDefault();
    const made = valuesOf(fields, texts);
    setWrong(made.wrong);
    if (Object.keys(made.wrong).length) return;
    void done(
      "Completed",
      call("POST /v1/user-task-runs/{wf_run_id}/{guid}/actions/complete", {
        path,
        body: { user_id: me, results: made.values },
      }),
    );
  };
  const save = () => {
    const made = valuesOf(
      fields.map((one) => ({ ...one, required: false })),
      texts,
    );
    setWrong(made.wrong);
    if (Object.keys(made.wrong).length) return;
    void done(
      "Saved",
      call("POST /v1/user-task-runs/{wf_run_id}/{guid}/actions/save", {
        path,
        body: { user_id: me, results: made.values },
      }),
    );
  };
  const claim = () =>
    void done(
      "Claimed",
      call("POST /v1/user-task-runs/{wf_run_id}/{guid}/actions/claim", {
        path,
        body: { user_id: me },
      }),
    );
  const release = () =>
    void done(
      "Released",
      call("POST /v1/user-task-runs/{wf_run_id}/{guid}/actions/release", { path, body: {} }),
    );
  const cancel = async () => {
    await call("POST /v1/user-task-runs/{wf_run_id}/{guid}/actions/cancel", { path, body: {} });
    notify("Cancelled");
    await props.reload();
  };
  return (
    <section class="panel">
      {asked === "assign" && (
        <AssignDialog task={task} onClose={() => setAsked(null)} onDone={props.reload} />
      )}
      {asked === "cancel" && (
        <Confirm
          title="Cancel the task"
          verb="Cancel it"
          onClose={() => setAsked(null)}
          onDo={cancel}
        >
          Nobody can fill it in then; what its run does about that, its workflow says.
        </Confirm>
      )}
      {task.notes && <p class="notes">{task.notes}</p>}
      <form onSubmit={complete} noValidate>
        {live && (
          <div class="field">
            <label for="me">
              You are <small class="faint">the user's id</small>
            </label>
            <input
              id="me"
              spellcheck={false}
              value={me}
              onInput={(event) =>
                person.set({ ...person.get(), user: event.currentTarget.value.trim() })
              }
            />
          </div>
        )}
        <fieldset disabled={!live}>
          {fields.map((field) => (
            <Field
              key={field.name}
              field={field}
              text={texts[field.name]}
              wrong={wrong[field.name]}
              onText={(text) => setTexts({ ...texts, [field.name]: text })}
            />
          ))}
        </fieldset>
        {error && <Problem error={error} />}
        {live && (
          <footer>
            <button type="button" class="bad" onClick={() => setAsked("cancel")}>
              Cancel the task
            </button>
            <button type="button" onClick={() => setAsked("assign")}>
              Assign
            </button>
            {task.status === "ASSIGNED" && task.user_group && (
              <button type="button" onClick={release}>
                Release
              </button>
            )}
            <button type="button" disabled={!me} onClick={claim}>
              Claim
            </button>
            <button type="button" disabled={!me} onClick={save}>
              Save
            </button>
            <button type="submit" class="primary" disabled={!me || task.status !== "ASSIGNED"}>
              Complete
            </button>
          </footer>
        )}
      </form>
    </section>
  );
}
