// What this browser remembers: how things are shown for long, the key and who one is only as long
// as the tab.
import { store } from "./store";

export type Theme = "auto" | "light" | "dark";
export type Zone = "local" | "utc";

interface Session {
  key: string;
  tenant: string;
}

const KEY = "penstock.key";
const TENANT = "penstock.tenant";
const THEME = "penstock.theme";
const ZONE = "penstock.zone";
const VIEWS = "penstock.views";
const USER = "penstock.user";
const GROUPS = "penstock.groups";

/** Storage may be forbidden: then nothing is remembered, and all works. */
function kept(where: () => Storage, name: string): string {
  try {
    return where().getItem(name) ?? "";
  } catch {
    return "";
  }
}

function keep(where: () => Storage, name: string, value: string): void {
  try {
    if (value) where().setItem(name, value);
    else where().removeItem(name);
  } catch {
    // see above
  }
}

const tab = () => sessionStorage;
const browser = () => localStorage;

export const session = store<Session>({ key: kept(tab, KEY), tenant: kept(tab, TENANT) });
session.watch(() => {
  keep(tab, KEY, session.get().key);
  keep(tab, TENANT, session.get().tenant);
});

/**
 * As whom forms are filled in: the engine takes any name, a server with keys asks for leave. The
 * groups are those that the person says to be in: the engine keeps no list of members.
 */
export interface Person {
  user: string;
  groups: string[];
}

/** Names that are written one behind the other, each once. */
export const namesIn = (text: string): string[] => [
  ...new Set(
    text
      .split(",")
      .map((one) => one.trim())
      .filter(Boolean),
  ),
];

export const person = store<Person>({ user: kept(tab, USER), groups: namesIn(kept(tab, GROUPS)) });
person.watch(() => {
  keep(tab, USER, person.get().user);
  keep(tab, GROUPS, person.get().groups.join(","));
});

/** Why the server wants a (better) key; empty as long as it does not. */
export const keyWanted = store("");

export const theme = store<Theme>((kept(browser, THEME) || "auto") as Theme);
export const zone = store<Zone>((kept(browser, ZONE) || "local") as Zone);

const showTheme = () => {
  document.documentElement.dataset.theme = theme.get();
  keep(browser, THEME, theme.get() === "auto" ? "" : theme.get());
};
theme.watch(showTheme);
showTheme();
zone.watch(() => keep(browser, ZONE, zone.get() === "local" ? "" : zone.get()));

/** A list as somebody likes to see it: the query of its address, under a name. */
export interface SavedView {
  name: string;
  query: string;
}

export const savedViews = store<SavedView[]>(viewsOf(kept(browser, VIEWS)));
savedViews.watch(() => {
  const views = savedViews.get();
  keep(browser, VIEWS, views.length ? JSON.stringify(views) : "");
});
window.addEventListener("storage", (event) => {
  if (event.key === VIEWS) savedViews.set(viewsOf(event.newValue ?? "")); // by another tab
});

function viewsOf(text: string): SavedView[] {
  try {
    const found = JSON.parse(text || "[]") as unknown;
    return Array.isArray(found) ? found.filter(isView) : [];
  } catch {
    return [];
  }
}

function isView(one: unknown): one is SavedView {
  const { name, query } = (one ?? {}) as Partial<SavedView>;
  return typeof name === "string" && typeof query === "string";
}
