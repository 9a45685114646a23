// The verbs that make sense now: the likely ones as buttons, the others in a menu.
import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../../parts/icons";
import { ActionDialog } from "./ActionDialog";
import { ACTIONS, type Action, type Verb } from "./actions";
import type { RunShown } from "./data";

const LIKELY: Verb[] = ["rescue", "restart", "resume", "stop"];
const BUTTONS_MAX = 2;

export function ActionMenu(props: { run: RunShown; onDone: () => Promise<void> }) {
  const [open, setOpen] = useState(false);
  const [chosen, setChosen] = useState<Action | null>(null);
  const fitting = ACTIONS.filter((one) => one.when(props.run));
  const first = LIKELY.map((verb) => fitting.find((one) => one.verb === verb))
    .filter((one) => one !== undefined)
    .slice(0, BUTTONS_MAX);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    const away = (event: Event) => {
      if (
        event instanceof KeyboardEvent
          ? event.key === "Escape"
          : !box.current?.contains(event.target as Node)
      )
        setOpen(false);
    };
    document.addEventListener("pointerdown", away);
    document.addEventListener("keydown", away);
    return () => {
      document.removeEventListener("pointerdown", away);
      document.removeEventListener("keydown", away);
    };
  }, [open]);
  return (
    <div class="actions">
      {first.map((one) => (
        <button key={one.verb} type="button" onClick={() => setChosen(one)}>
          <Icon name={one.icon} /> {one.title}
        </button>
      ))}
      <div class="menu" ref={box}>
        <button
          type="button"
          aria-haspopup="menu"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
        >
          Actions <Icon name="down" />
        </button>
        {open && (
          <div class="menu-list" role="menu">
            {fitting.map((one) => (
              <button
                key={one.verb}
                type="button"
                role="menuitem"
                class={one.danger ? "bad" : ""}
                onClick={() => (setOpen(false), setChosen(one))}
              >
                <Icon name={one.icon} /> {one.title}
              </button>
            ))}
          </div>
        )}
      </div>
      {chosen && (
        <ActionDialog
          run={props.run}
          action={chosen}
          onClose={() => setChosen(null)}
          onDone={props.onDone}
        />
      )}
    </div>
  );
}
