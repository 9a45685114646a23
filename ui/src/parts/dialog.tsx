// A dialog: the browser's own, which keeps the focus and closes on Escape.
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Problem } from "./feedback";
import { Icon } from "./icons";

export function Dialog(props: {
  title: string;
  onClose: () => void;
  wide?: boolean;
  children: ComponentChildren;
}) {
  const box = useRef<HTMLDialogElement>(null);
  const pressedBeside = useRef(false); // a text that is selected may end beside the dialog
  useLayoutEffect(() => {
    const dialog = box.current;
    dialog?.showModal();
    dialog?.querySelector<HTMLElement>("input, select, textarea, footer button")?.focus();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={box}
      class={props.wide ? "wide" : ""}
      aria-label={props.title}
      onClose={props.onClose}
      onPointerDown={(event) => (pressedBeside.current = event.target === box.current)}
      onClick={(event) => pressedBeside.current && event.target === box.current && props.onClose()}
    >
      <div class="dialog">
        <header>
          <h2>{props.title}</h2>
          <button type="button" class="ghost" aria-label="Close" onClick={props.onClose}>
            <Icon name="close" />
          </button>
        </header>
        {props.children}
      </div>
    </dialog>
  );
}

/** Ask before something is done that can not be taken back; it stays open if that is refused. */
export function Confirm(props: {
  title: string;
  verb: string;
  onClose: () => void;
  onDo: () => Promise<unknown>;
  children: ComponentChildren;
}) {
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const send = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await props.onDo();
      props.onClose();
    } catch (problem) {
      setError(problem as Error);
      setBusy(false);
    }
  };
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <form onSubmit={(event) => void send(event)}>
        <p class="hint">{props.children}</p>
        {error && <Problem error={error} />}
        <footer>
          <button type="button" onClick={props.onClose}>
            Leave it
          </button>
          <button type="submit" class="primary danger" disabled={busy}>
            {props.verb}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
