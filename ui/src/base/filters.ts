// Filters of lists. They stand in the address under the names that the API has for them, so an
// address says what is asked for; `within` alone is the pages' own: so many seconds until now.
//
// An address that says more than its page understands is told so, and nothing is shown for it: less
// than was asked for would be a longer list, and a bulk action about more runs.
const MINUTE_MS = 60_000;
const SECONDS = /^\d{1,10}$/;
const NUMBER = /^\d{1,15}$/;

/** The words that the address of a page may have: those that are there once, numbers among them or
 * not, and those that may be there several times. `own` ones are no filters of the API's.
 */
export interface Grammar {
  readonly once?: readonly string[];
  readonly numbers?: readonly string[];
  readonly often?: readonly string[];
  readonly own?: readonly string[];
}

/** The filters that lists of runs have, and those of what they are made of. */
const OF_RUNS = {
  once: [
    ...["q", "namespace", "wf_spec", "trigger_wf_run_id", "child_filter"],
    ...["started_after", "started_before"],
  ],
  numbers: ["version", "major", "revision"],
  often: ["status", "label"],
  own: ["within"],
} as const satisfies Grammar;

export const RUNS = { ...OF_RUNS, often: [...OF_RUNS.often, "variable"] } as const;
export const TASK_RUNS = {
  ...OF_RUNS,
  once: [...OF_RUNS.once, "task", "task_def"],
  own: [...OF_RUNS.own, "by"],
} as const;
export const SCHEDULES = { once: ["wf_spec"], often: ["status"], own: ["make"] } as const;

/** What an address asks for of what a grammar has. */
export function wordsIn<W extends object>(query: URLSearchParams, grammar: Grammar): W {
  const words: Record<string, string | string[] | number> = {};
  for (const name of grammar.once ?? []) if (query.has(name)) words[name] = query.get(name)!;
  for (const name of grammar.numbers ?? [])
    if (query.has(name)) words[name] = Number(query.get(name));
  for (const name of grammar.often ?? []) if (query.has(name)) words[name] = query.getAll(name);
  return words as W;
}

/** A word of an address that is not understood, and why. */
export interface Fault {
  name: string;
  message: string;
}

/** What an address says that is no filter of its page, or that could be read in two ways. */
export function faultsIn(query: URLSearchParams, grammar: Grammar): Fault[] {
  const { once = [], numbers = [], often = [], own = [] } = grammar;
  const known = new Set([...once, ...numbers, ...often, ...own]);
  const wrong = (name: string): string | null => {
    const values = query.getAll(name);
    if (!known.has(name)) return "is no filter of this page";
    if (values.includes("")) return "has no value";
    if (values.length > 1 && !often.includes(name)) return "may be there once only";
    if (numbers.includes(name) && !NUMBER.test(values[0]!)) return "must be a whole number";
    if (name !== "within") return null;
    if (!SECONDS.test(values[0]!)) return "must be a number of seconds";
    return isBetween(query) ? "does not go with started_after or started_before" : null;
  };
  return [...new Set(query.keys())].flatMap((name) => {
    const message = wrong(name);
    return message === null ? [] : [{ name, message }];
  });
}

interface Times {
  started_after?: string;
}

/** Since when; a span that ends now begins at a full minute, so that it stands still. */
function spanIn(query: URLSearchParams, withinDefault: number): Times {
  const seconds = Number(query.get("within") ?? withinDefault);
  if (isBetween(query) || !seconds) return {};
  const nowMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
  return { started_after: new Date(nowMs - seconds * 1000).toISOString() };
}

/** What an address asks of runs, or of what they are made of. */
export const askedOfRuns = <W extends object>(
  query: URLSearchParams,
  grammar: Grammar,
  withinDefault: number,
): W => ({ ...wordsIn<W>(query, grammar), ...spanIn(query, withinDefault) });

/** Whether an address names moments, not a span until now. */
export const isBetween = (query: URLSearchParams): boolean =>
  query.has("started_after") || query.has("started_before");
