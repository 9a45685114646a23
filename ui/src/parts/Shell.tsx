// What stands around every page: where one can go, how things are shown, who one is.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ApiError } from "../api/client";
import type { Missing, State } from "../api/stream";
import { live, missing } from "../base/read";
import { Link, usePlace } from "../base/router";
import { keyWanted, session, theme, zone, type Theme } from "../base/settings";
import { useStore } from "../base/store";
import { Notices } from "./feedback";
import { Icon, type IconName } from "./icons";
import { KeyDialog } from "./KeyDialog";
import { Palette } from "./Palette";
import { PLACES } from "./places";

export function Shell(props: { children: ComponentChildren }) {
  const { path } = usePlace();
  const [open, setOpen] = useState(false);
  const [searching, setSearching] = useState(false);
  const [asking, setAsking] = useState(false);
  const wanted = useStore(keyWanted);
  useEffect(() => setOpen(false), [path]);
  useKeys(() => setSearching(true));
  return (
    <div class={open ? "shell open" : "shell"}>
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <header class="topbar">
        <button
          type="button"
          class="ghost menu-button"
          aria-label="Menu"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
        >
          <Icon name="menu" />
        </button>
        <Link to="/runs" class="brand">
          <Mark /> Penstock
        </Link>
        <button type="button" class="search-button" onClick={() => setSearching(true)}>
          <Icon name="search" /> <span>Search</span> <kbd>Ctrl K</kbd>
        </button>
        <Controls onKey={() => setAsking(true)} />
      </header>
      <nav class="side" aria-label="Pages">
        {PLACES.map((one) => (
          <Link key={one.to} to={one.to} class={path.startsWith(one.to) ? "chosen" : ""}>
            <Icon name={one.icon} /> {one.title}
          </Link>
        ))}
      </nav>
      <main id="main">{props.children}</main>
      <Notices />
      {searching && <Palette onClose={() => setSearching(false)} />}
      {(asking || wanted) && <KeyDialog onClose={() => (setAsking(false), keyWanted.set(""))} />}
    </div>
  );
}

function Live(props: { state: State; without: Missing[] }) {
  const { state, without } = props;
  if (state instanceof ApiError) return <Light text="not live" about={state.message} />;
  if (state === "connecting") return <Light text="connecting" about="Connecting again" />;
  if (without.length === 0) return <Light on text="live" about="This page is kept up to date" />;
  const numbers = without.map((one) => one.partition).join(", ");
  const about = without.map((one) => `Partition ${one.partition}: ${one.message}`).join("\n");
  return <Light text={`live, without partition ${numbers}`} about={about} />;
}

function Light(props: { on?: boolean; text: string; about: string }) {
  return (
    <span class={props.on ? "live on" : "live"} title={props.about}>
      <i />
      <span>{props.text}</span>
    </span>
  );
}

function Controls(props: { onKey: () => void }) {
  const state = useStore(live);
  const without = useStore(missing);
  const chosen = useStore(theme);
  const at = useStore(zone);
  const { key, tenant } = useStore(session);
  const next: Record<Theme, Theme> = { auto: "light", light: "dark", dark: "auto" };
  const icon: Record<Theme, IconName> = { auto: "auto", light: "sun", dark: "moon" };
  return (
    <div class="controls">
      {state !== null && <Live state={state} without={without} />}
      <button
        type="button"
        class="ghost"
        title="Times in UTC or in local time"
        onClick={() => zone.set(at === "utc" ? "local" : "utc")}
      >
        {at === "utc" ? "UTC" : "Local"}
      </button>
      <button
        type="button"
        class="ghost"
        title={`Colours: ${chosen}`}
        aria-label={`Colours: ${chosen}`}
        onClick={() => theme.set(next[chosen])}
      >
        <Icon name={icon[chosen]} />
      </button>
      <button type="button" class="ghost who" title="Key and tenant" onClick={props.onKey}>
        <Icon name="person" /> <span>{tenant || (key ? "signed in" : "default")}</span>
      </button>
    </div>
  );
}

/** `/` goes to the page's own search, ctrl-K to everything. */
function useKeys(search: () => void): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const typing =
        event.target instanceof HTMLElement && event.target.closest("input, textarea, select");
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        search();
      } else if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        const own = document.querySelector<HTMLInputElement>("main input[type=search]");
        if (own) own.focus();
        else search();
      }
    };
    window.addEventListener("keydown", pressed);
    return () => window.removeEventListener("keydown", pressed);
  }, []);
}

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M10 25V8h7.5a5.5 5.5 0 0 1 0 11H10" />
    </svg>
  );
}
