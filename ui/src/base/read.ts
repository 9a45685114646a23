// What a component reads of the API, and keeps up to date.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { Unanswered } from "../api/client";
import { follow, type Missing, type Sent, type State } from "../api/stream";
import { store } from "./store";

export interface Read<T> {
  data: T | undefined;
  error: Error | undefined;
  loading: boolean;
  reload: () => Promise<void>;
}

/** What got no answer is asked again after so long. */
const AGAIN_MS = 5000;

/** Read when `key` changes, and when told; what was read stays while it is read again. */
export function useRead<T>(key: string | null, read: (signal: AbortSignal) => Promise<T>): Read<T> {
  const [state, setState] = useState<{ key: string | null; data?: T; error?: Error }>({
    key: null,
  });
  const [loading, setLoading] = useState(true);
  const latest = useRef(read);
  latest.current = read;
  const running = useRef<AbortController | null>(null);
  const again = useRef<ReturnType<typeof setTimeout>>(undefined);

  const reload = useCallback(async () => {
    if (key === null) return;
    running.current?.abort();
    clearTimeout(again.current);
    const own = (running.current = new AbortController());
    setLoading(true);
    try {
      const data = await latest.current(own.signal);
      if (!own.signal.aborted) setState({ key, data });
    } catch (error) {
      if (own.signal.aborted) return;
      setState((old) => ({ ...(old.key === key ? old : {}), key, error: error as Error }));
      if (error instanceof Unanswered) again.current = setTimeout(() => void reload(), AGAIN_MS);
    } finally {
      if (running.current === own) setLoading(false);
    }
  }, [key]);

  useEffect(() => {
    void reload();
    return () => {
      running.current?.abort();
      clearTimeout(again.current);
    };
  }, [reload]);

  const current = state.key === key ? state : { data: undefined, error: undefined };
  return { data: current.data, error: current.error, loading, reload };
}

/** Read once more whenever `stamp` has become another: what it stands for was read anew. */
export function useAgain(read: { reload: () => Promise<void> }, stamp: unknown): void {
  const before = useRef(stamp);
  useEffect(() => {
    if (before.current !== stamp) void read.reload();
    before.current = stamp;
  }, [stamp]);
}

/** Whether what is shown is kept up to date just now; null where nothing is followed. */
export const live = store<State | null>(null);

/** Of which partitions nothing is told just now. */
export const missing = store<Missing[]>([]);

/** What has taken long is not done again before so many times as long have passed. */
const REST = 3;

/** Have `onChange` called when a stream tells of a change, at most every `pauseMs`; never while the
 * last call is not done, so that what is read for longer than changes are apart is shown as well.
 */
export function useChanges(target: string | null, onChange: () => unknown, pauseMs: number): void {
  const latest = useRef(onChange);
  latest.current = onChange;
  useEffect(() => {
    if (target === null) return;
    const own = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let notBeforeMs = 0;
    let busy = false;
    let again = false;
    const look = async () => {
      timer = undefined;
      [busy, again] = [true, false];
      const begunMs = Date.now();
      try {
        await latest.current();
      } finally {
        busy = false;
        notBeforeMs = begunMs + Math.max(pauseMs, REST * (Date.now() - begunMs));
        if (again && !own.signal.aborted) changed();
      }
    };
    const changed = () => {
      again = true;
      if (!busy) timer ??= setTimeout(() => void look(), Math.max(0, notBeforeMs - Date.now()));
    };
    const came = (sent: Sent) => {
      if (sent.event === "missing") missing.set(JSON.parse(sent.data).partitions);
      else changed();
    };
    const opened = (state: State) => {
      live.set(state);
      missing.set([]); // what is missing is told anew by each stream
    };
    void follow(target, came, own.signal, opened).then(() => own.signal.aborted && live.set(null));
    const back = () => !document.hidden && changed();
    document.addEventListener("visibilitychange", back);
    return () => {
      own.abort();
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", back);
    };
  }, [target, pauseMs]);
}
