// What an inbox asks for: user tasks by whom they wait for.
import { call, type Query } from "../../api/client";
import type { UserTaskShown, UserTaskStatus } from "../../api/types";
import type { Person } from "../../base/settings";

export const STATUSES: UserTaskStatus[] = ["UNASSIGNED", "ASSIGNED", "DONE", "CANCELLED"];
export const LIVE: readonly UserTaskStatus[] = ["UNASSIGNED", "ASSIGNED"];
const PAGE = 50;

export type Words = Query<"GET /v1/user-task-runs">;
export type TabId = "mine" | "groups" | "unassigned" | "all";

/** The searches that a tab stands for, one for each group; null if it is not known for whom. */
export function searchesOf(tab: TabId, me: Person, query: URLSearchParams): Words[] | null {
  const words: Words = { limit: PAGE };
  const status = query.get("status") as UserTaskStatus | null;
  const form = query.get("user_task_def");
  if (form) words.user_task_def = form;
  if (status) words.status = [status];
  switch (tab) {
    case "mine":
      return me.user ? [{ status: ["ASSIGNED"], ...words, user_id: me.user }] : null;
    case "groups":
      return me.groups.length
        ? me.groups.map((one) => ({ status: [...LIVE], ...words, user_group: one }))
        : null;
    case "unassigned":
      return [{ ...words, status: ["UNASSIGNED"] }];
    case "all": {
      const user = query.get("user_id");
      const group = query.get("user_group");
      if (user) words.user_id = user;
      if (group) words.user_group = group;
      return [words];
    }
  }
}

interface Page {
  items: UserTaskShown[];
  cursor: string | null;
}

/** A page of each search; the cursor goes on in all that have more. */
export async function pageOf(
  searches: readonly Words[],
  cursor: string | null,
  signal?: AbortSignal,
): Promise<Page> {
  const places =
    cursor === null ? searches.map(() => undefined) : (JSON.parse(cursor) as (string | null)[]);
  const pages = await Promise.all(
    searches.map((words, at): Page | Promise<Page> => {
      const place = places[at];
      if (place === null) return { items: [], cursor: null };
      const query = place === undefined ? words : { ...words, cursor: place };
      return call("GET /v1/user-task-runs", { query, ...(signal ? { signal } : {}) });
    }),
  );
  const next = pages.map((one) => one.cursor);
  return {
    items: pages.flatMap((one) => one.items),
    cursor: next.every((one) => one === null) ? null : JSON.stringify(next),
  };
}
