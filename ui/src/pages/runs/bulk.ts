// One verb on all runs that the list shows: which they are, how many, and the job that does it.
import { call, pause, type Query } from "../../api/client";
import type { BulkFilter, BulkShown, ThreadStatus } from "../../api/types";

export const VERBS = [
  { verb: "stop", title: "Stop" },
  { verb: "resume", title: "Resume" },
  { verb: "pause", title: "Pause" },
  { verb: "rescue", title: "Rescue" },
  { verb: "restart", title: "Restart" },
  { verb: "retry-now", title: "Retry tasks now" },
  { verb: "replay", title: "Replay" },
  { verb: "force", title: "Let go ahead" },
  { verb: "kill", title: "Kill", danger: true },
  { verb: "delete", title: "Delete", danger: true },
] as const;
export type BulkVerb = (typeof VERBS)[number]["verb"];

const IDS_MAX = 1000;
const LOOK_MS = 150;
const LOOK_MS_MAX = 1000;

type Words = Query<"GET /v1/wf-runs">;

/** What a filter can say; how the list is put in order is nothing to it. */
const SAID: readonly (keyof Words)[] = [
  ...(["order", "limit", "q", "namespace", "wf_spec", "version", "major", "revision"] as const),
  ...(["status", "label", "variable", "trigger_wf_run_id", "child_filter"] as const),
  ...(["started_after", "started_before"] as const),
];

/** What the list shows as a filter of the engine's; null if only the list can tell. */
function filterOf(words: Words): BulkFilter | null {
  const isBeyond = (name: string) => !SAID.includes(name as keyof Words);
  if (Object.keys(words).some(isBeyond)) return null;
  const labels = words.label ?? [];
  const names = new Set(labels.map((one) => one.slice(0, one.indexOf(":"))));
  if (names.size < labels.length) return null;
  const { order: _order, limit: _limit, ...said } = words;
  const told = Object.entries(said).filter(([, word]) => word !== undefined && word !== "");
  const filter = Object.fromEntries(told) as Omit<typeof said, "status">;
  return {
    ...filter,
    all: told.length > 0 && told.every(([name]) => name === "child_filter"), // no criterion alone
    children: words.child_filter !== "MAIN",
    ...(words.status ? { status: words.status as ThreadStatus[] } : {}),
  };
}

/** Which runs are meant; by their ids where no filter can say it. */
export async function meant(words: Words, signal: AbortSignal): Promise<BulkFilter> {
  const filter = filterOf(words);
  if (filter) return filter;
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const query: Words = { ...words, limit: IDS_MAX, ...(cursor ? { cursor } : {}) };
    const page: { items: { wf_run_id: string }[]; cursor: string | null } = await call(
      "GET /v1/wf-runs",
      { query, signal },
    );
    ids.push(...page.items.map((one) => one.wf_run_id));
    cursor = page.cursor;
    if (ids.length > IDS_MAX)
      throw new Error(`these are more than ${IDS_MAX} runs: search for fewer of them`);
  } while (cursor !== null);
  return { wf_run_ids: ids };
}

/** Have a job done, and tell how far it has come until it has ended. */
export async function done(
  verb: BulkVerb,
  filter: BulkFilter,
  dryRun: boolean,
  signal: AbortSignal,
  onNews: (job: BulkShown) => void = () => {},
): Promise<BulkShown> {
  const body = { verb, filter, arguments: {}, dry_run: dryRun };
  const { bulk_id } = await call("POST /v1/bulk", { body, signal });
  for (let wait = LOOK_MS; ; wait = Math.min(2 * wait, LOOK_MS_MAX)) {
    const job = await call("GET /v1/bulk/{bulk_id}", { path: { bulk_id }, signal });
    onNews(job);
    if (!["RUNNING", "CANCELLING"].includes(job.status)) return job;
    await pause(wait, signal);
  }
}
