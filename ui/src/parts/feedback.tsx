// What the page says: what went wrong, what was done, that there is nothing.
import type { ComponentChildren } from "preact";
import { ApiError, Unanswered } from "../api/client";
import { store, useStore } from "../base/store";
import { Icon } from "./icons";

interface Notice {
  id: number;
  text: string;
  bad: boolean;
}

const notices = store<Notice[]>([]);
let last = 0;
const SHOWN_MS = 6000;

/** Say something for a few seconds. */
export function notify(text: string, bad = false): void {
  const id = ++last;
  notices.set([...notices.get(), { id, text, bad }]);
  setTimeout(() => notices.set(notices.get().filter((one) => one.id !== id)), SHOWN_MS);
}

export function Notices() {
  return (
    <div class="notices" role="status" aria-live="polite">
      {useStore(notices).map((one) => (
        <div key={one.id} class={one.bad ? "notice bad" : "notice"}>
          <Icon name={one.bad ? "warn" : "check"} />
          {one.text}
        </div>
      ))}
    </div>
  );
}

/** An error with its code, and a way to try again. */
export function Problem(props: { error: Error; title?: string; retry?: () => unknown }) {
  const { error } = props;
  const told = error instanceof ApiError;
  const code = props.title ?? (told ? error.code : "NOT_REACHED");
  const text = told || props.title !== undefined ? error.message : "The server can not be reached.";
  return (
    <div class="problem" role="alert">
      <Icon name="warn" />
      <div>
        <b>{code}</b>
        <p>{text}</p>
        {told &&
          error.faults.map((fault, at) => (
            <p key={at} class="faint">
              {[fault.thread, fault.node].filter(Boolean).join(" · ")} {fault.message}
            </p>
          ))}
        {props.retry && error instanceof Unanswered && <p class="faint">It is asked again soon.</p>}
        {props.retry && (
          <button type="button" class="small" onClick={() => void props.retry?.()}>
            Try again
          </button>
        )}
      </div>
    </div>
  );
}

export function Empty(props: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <b>{props.title}</b>
      {props.children && <p>{props.children}</p>}
    </div>
  );
}

/** What is read: the error, a line that moves while it comes, or what is made of it. */
export function Loaded<T>(props: {
  of: { data: T | undefined; error: Error | undefined; reload: () => unknown };
  children: (data: T) => ComponentChildren;
}) {
  const { data, error, reload } = props.of;
  return (
    <>
      {error && <Problem error={error} retry={reload} />}
      {data === undefined
        ? !error && <div class="loading" role="progressbar" aria-label="loading" />
        : props.children(data)}
    </>
  );
}
