// Places in the page: each has an address of its own, so that it can be sent to somebody.
import type { ComponentChildren } from "preact";
import { store, useStore } from "./store";

const BASE = "/ui";

export interface Place {
  path: string;
  query: URLSearchParams;
}

const place = store<Place>(here());

function here(): Place {
  const path = location.pathname.slice(BASE.length) || "/";
  return { path, query: new URLSearchParams(location.search) };
}

window.addEventListener("popstate", () => place.set(here()));

export const usePlace = (): Place => useStore(place);

/** Go somewhere; `replace` leaves no step behind. */
export function go(target: string, replace = false): void {
  if (replace) history.replaceState(null, "", BASE + target);
  else history.pushState(null, "", BASE + target);
  const before = place.get().path;
  place.set(here());
  if (!replace && before !== place.get().path) window.scrollTo(0, 0);
}

/** The same place with other words in its query; an empty one is left out. */
export function ask(words: Record<string, string | string[]>, replace = true): void {
  const query = new URLSearchParams(place.get().query);
  for (const [name, value] of Object.entries(words)) {
    query.delete(name);
    for (const one of Array.isArray(value) ? value : [value]) if (one) query.append(name, one);
  }
  const text = query.toString();
  go(place.get().path + (text && `?${text}`), replace);
}

/** A part of an address, whatever is in a name. */
export const part = encodeURIComponent;

export function Link(props: {
  to: string;
  class?: string;
  title?: string;
  label?: string;
  children: ComponentChildren;
}) {
  const onClick = (event: MouseEvent) => {
    if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(props.to);
  };
  return (
    <a
      href={BASE + props.to}
      class={props.class}
      title={props.title}
      aria-label={props.label}
      onClick={onClick}
    >
      {props.children}
    </a>
  );
}

/** The parts of a path that a pattern such as `/runs/:id` names; null if it is another. */
export function matched(pattern: string, path: string): string[] | null {
  const wanted = pattern.split("/");
  const given = path.replace(/\/$/, "").split("/");
  if (wanted.length !== given.length) return null;
  const parts: string[] = [];
  for (let at = 0; at < wanted.length; at++) {
    const one = given[at] ?? "";
    if (wanted[at]?.startsWith(":")) parts.push(decoded(one));
    else if (wanted[at] !== one) return null;
  }
  return parts;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
