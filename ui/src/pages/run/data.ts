// What a run's page reads, and keeps up to date.
import { useMemo, useRef } from "preact/hooks";
import { call } from "../../api/client";
import type {
  NodeRunShown,
  SpecBody,
  TaskRunShown,
  ThreadShown,
  WaitShown,
  WfRunShown,
} from "../../api/types";
import { useChanges, useRead, type Read } from "../../base/read";
import { part } from "../../base/router";
import type { Mark, Overlay } from "../../graph/Graph";
import { clusterId, nodeId } from "../../graph/model";

const PAGE = 1000;
const PAGES_MAX = 50;
/** So many node runs, task runs and threads of a run are read. */
export const READ_MAX = PAGE * PAGES_MAX;
const LOOK_AGAIN_MS = 400;

/** A run with its threads: all of them, or as many as the page reads. */
export type RunShown = WfRunShown & { threads: ThreadShown[] };

export interface RunData {
  run: RunShown;
  spec: SpecBody;
  nodes: NodeRunShown[];
  tasks: TaskRunShown[];
  waits: { items: WaitShown[]; truncated: boolean };
  cut: boolean;
  /** The position that all of it is as of; null for now. */
  asOf: string | null;
}

interface Page<T> {
  items: T[];
  cursor: string | null;
}

async function all<T>(
  page: (cursor: string | undefined) => Promise<Page<T>>,
): Promise<{ items: T[]; cut: boolean }> {
  const items: T[] = [];
  let cursor: string | undefined;
  for (let count = 0; count < PAGES_MAX; count++) {
    const found = await page(cursor);
    items.push(...found.items);
    if (found.cursor === null) return { items, cut: false };
    cursor = found.cursor;
  }
  return { items, cut: true };
}

const specs = new Map<string, Promise<SpecBody>>();
const SPECS_KEPT = 50;

/** A version of a spec never changes. */
function specOf(name: string, version: number): Promise<SpecBody> {
  const key = `${name} ${version}`;
  let made = specs.get(key);
  if (!made) {
    if (specs.size > SPECS_KEPT) specs.clear();
    made = call("GET /v1/wf-specs/{name}", { path: { name }, query: { version } }).then(
      (one) => one.spec,
    );
    made.catch(() => specs.delete(key));
    specs.set(key, made);
  }
  return made;
}

export function useRun(id: string, asOf: string | null): Read<RunData> {
  const path = { wf_run_id: id };
  const at = asOf === null ? {} : { at: asOf };
  const read = useRead(`run ${id} ${asOf}`, async (signal): Promise<RunData> => {
    const [run, waits, nodes, tasks] = await Promise.all([
      call("GET /v1/wf-runs/{wf_run_id}", { path, query: at, signal }),
      call("GET /v1/wf-runs/{wf_run_id}/waits", { path, query: at, signal }),
      all((cursor) =>
        call("GET /v1/wf-runs/{wf_run_id}/node-runs", {
          path,
          query: { limit: PAGE, ...at, ...(cursor ? { cursor } : {}) },
          signal,
        }),
      ),
      all((cursor) =>
        call("GET /v1/wf-runs/{wf_run_id}/task-runs", {
          path,
          query: { limit: PAGE, ...at, ...(cursor ? { cursor } : {}) },
          signal,
        }),
      ),
    ]);
    const [spec, threads] = await Promise.all([
      specOf(run.wf_spec, run.version),
      run.threads_truncated
        ? all((cursor) =>
            call("GET /v1/wf-runs/{wf_run_id}/threads", {
              path,
              query: { limit: PAGE, ...at, ...(cursor ? { cursor } : {}) },
              signal,
            }),
          )
        : { items: run.threads ?? [], cut: false },
    ]);
    const cut = nodes.cut || tasks.cut || threads.cut;
    return {
      run: { ...run, threads: threads.items },
      spec,
      nodes: nodes.items,
      tasks: tasks.items,
      waits,
      cut,
      asOf,
    };
  });
  const follows = asOf === null ? `/v1/wf-runs/${part(id)}/follow` : null;
  useChanges(follows, read.reload, LOOK_AGAIN_MS);
  const last = useRef<RunData>(undefined); // what was read stays while another moment is
  if (read.data) last.current = read.data;
  const stays = read.error === undefined && last.current?.run.wf_run_id === id;
  return stays ? { ...read, data: read.data ?? last.current } : read;
}

export const placeOf = (one: { thread: number; position: number }): string =>
  `${one.thread}/${one.position}`;

/** The spec of the thread that a node run is in. */
export const threadSpecOf = (run: RunShown, thread: number): string =>
  run.threads.find((one) => one.number === thread)?.thread_spec ?? "";

/** How far the run has come, for its graph. */
export function useOverlay(data: RunData): Overlay {
  return useMemo(() => {
    const marks = new Map<string, Mark>();
    const taken = new Set<string>();
    const threads = new Map(data.run.threads.map((one) => [one.number, one]));
    const tasks = new Map(data.tasks.map((one) => [one.id, one]));
    for (const one of data.run.threads)
      if (one.parent !== null) taken.add(`>${clusterId(one.thread_spec)}`);
    const before = new Map<number, NodeRunShown>();
    for (const node of data.nodes) {
      const thread = threads.get(node.thread);
      if (!thread) continue;
      const id = nodeId(thread.thread_spec, node.node);
      const old = marks.get(id);
      const worse = old && rank(old.status) > rank(node.status) ? old.status : node.status;
      const attempts = node.task ? (tasks.get(node.task)?.attempts.at(-1)?.number ?? 0) : 0;
      marks.set(id, {
        status: worse,
        count: (old?.count ?? 0) + 1,
        attempts: Math.max(old?.attempts ?? 0, attempts),
      });
      const last = before.get(node.thread);
      if (last) taken.add(`${nodeId(thread.thread_spec, last.node)}>${id}`);
      before.set(node.thread, node);
    }
    return { marks, taken };
  }, [data]);
}

/** Of several node runs of one node, the one that somebody should look at decides the colour. */
function rank(status: string): number {
  return ["COMPLETED", "HALTED", "HALTING", "STARTING", "RUNNING", "EXCEPTION", "ERROR"].indexOf(
    status,
  );
}
