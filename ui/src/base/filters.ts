// Filters of lists. They stand in the address under the names that the API has for them, so an
// address says what is asked for; `within` alone is the pages' own: so many seconds until now.
const MINUTE_MS = 60_000;

/** What an address asks for: some words once, some as often as they are there. */
export function wordsIn<W extends object>(
  query: URLSearchParams,
  once: readonly (keyof W & string)[],
  often: readonly (keyof W & string)[] = [],
): W {
  const words: Record<string, string | string[]> = {};
  for (const name of once) {
    const value = query.get(name);
    if (value) words[name] = value;
  }
  for (const name of often) if (query.has(name)) words[name] = query.getAll(name);
  return words as W;
}

interface Times {
  started_after?: string;
  started_before?: string;
}

/** From when until when; a span that ends now begins at a full minute, so that it stands still. */
function timesIn(query: URLSearchParams, withinDefault: number): Times {
  const times = wordsIn<Times>(query, ["started_after", "started_before"]);
  const seconds = Number(query.get("within") ?? withinDefault);
  if (isBetween(query) || !seconds) return times;
  const nowMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
  return { started_after: new Date(nowMs - seconds * 1000).toISOString() };
}

/** What an address asks of runs, or of what they are made of: the filters that lists of either have
 * alike, and `own` ones of a list.
 */
export function askedOfRuns<W extends object>(
  query: URLSearchParams,
  withinDefault: number,
  own: readonly (keyof W & string)[] = [],
): W & Times {
  const once = ["q", "wf_spec", "trigger_wf_run_id", "child_filter", ...own];
  const words = wordsIn<Record<string, unknown>>(query, once, ["status", "label"]);
  return { ...words, ...timesIn(query, withinDefault) } as W & Times;
}

/** Whether an address names moments, not a span until now. */
export const isBetween = (query: URLSearchParams): boolean =>
  query.has("started_after") || query.has("started_before");
