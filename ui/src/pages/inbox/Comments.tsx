// What was said about a user task: one may add to it, and change or take back what one has said.
import { useState } from "preact/hooks";
import { call } from "../../api/client";
import type { CommentShown, UserTaskShown } from "../../api/types";
import { person } from "../../base/settings";
import { useStore } from "../../base/store";
import { notify } from "../../parts/feedback";
import { Icon } from "../../parts/icons";
import { Moment } from "../../parts/times";

export function Comments(props: {
  task: UserTaskShown;
  comments: CommentShown[];
  reload: () => Promise<void>;
}) {
  const { task, comments } = props;
  const me = useStore(person).user || task.user_id || "";
  const [edited, setEdited] = useState<number | null>(null);
  const path = { wf_run_id: task.wf_run_id, guid: task.guid };
  const done = async (doing: Promise<unknown>): Promise<boolean> => {
    try {
      await doing;
      await props.reload();
      return true;
    } catch (error) {
      notify((error as Error).message, true);
      return false;
    }
  };
  const add = (text: string) =>
    done(
      call("POST /v1/user-task-runs/{wf_run_id}/{guid}/comments", {
        path,
        body: { user_id: me, text },
      }),
    );
  const change = async (comment: number, text: string) => {
    const changed = await done(
      call("PUT /v1/user-task-runs/{wf_run_id}/{guid}/comments/{comment}", {
        path: { ...path, comment },
        body: { user_id: me, text },
      }),
    );
    if (changed) setEdited(null);
    return changed;
  };
  const takeBack = (comment: number) =>
    done(
      call("DELETE /v1/user-task-runs/{wf_run_id}/{guid}/comments/{comment}", {
        path: { ...path, comment },
        query: { user_id: me },
      }),
    );
  return (
    <>
      {comments
        .filter((one) => !one.deleted)
        .map((one) => (
          <div key={one.number} class="comment">
            <b>{one.user_id}</b>{" "}
            <small class="faint">
              <Moment at={one.created_at} />
              {one.edited_at && ", changed"}
            </small>
            {one.user_id === me && (
              <span class="comment-acts">
                <button
                  type="button"
                  class="ghost"
                  aria-label="Change the comment"
                  title="Change"
                  onClick={() => setEdited(edited === one.number ? null : one.number)}
                >
                  <Icon name="edit" />
                </button>
                <button
                  type="button"
                  class="ghost"
                  aria-label="Take the comment back"
                  title="Take back"
                  onClick={() => void takeBack(one.number)}
                >
                  <Icon name="trash" />
                </button>
              </span>
            )}
            {edited === one.number ? (
              <Line
                label="The comment"
                hint=""
                verb="Change"
                text={one.text}
                me={me}
                onSay={(text) => change(one.number, text)}
              />
            ) : (
              <p>{one.text}</p>
            )}
          </div>
        ))}
      <Line
        label="A comment"
        hint={me ? `Say something as ${me}` : "Say first who you are"}
        verb="Comment"
        text=""
        me={me}
        onSay={add}
      />
    </>
  );
}

function Line(props: {
  label: string;
  hint: string;
  verb: string;
  text: string;
  me: string;
  onSay: (text: string) => Promise<boolean>;
}) {
  const [text, setText] = useState(props.text);
  const send = async (event: Event) => {
    event.preventDefault();
    if (await props.onSay(text)) setText("");
  };
  return (
    <form class="inline" onSubmit={(event) => void send(event)}>
      <input
        aria-label={props.label}
        placeholder={props.hint}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button type="submit" disabled={!props.me || !text.trim()}>
        {props.verb}
      </button>
    </form>
  );
}
