// Server-sent events, read with fetch: EventSource can send no key. A stream that breaks is opened
// again, after pauses that grow unless one lasts; one that is refused for good is not. While nobody
// looks at the page there is none, since a browser has few connections. One on which nothing is heard,
// not even that it lives, is given up.
import { ApiError, errorOf, headersOf, pause } from "./client";

export interface Sent {
  event: string;
  data: string;
}

/** Partitions of which a stream tells nothing just now, and why. */
export interface Missing {
  partition: number;
  code: string;
  message: string;
}

/** What has become of a stream: it is refused for good, or it lives or will. */
export type State = "live" | "connecting" | ApiError;

const AGAIN_MS = 1000;
const AGAIN_MS_MAX = 15_000;
const STEADY_MS = 5000;
const SILENT_MS = 40_000; // the server says something, if only that it lives, twice in this time
const FOR_GOOD = [400, 403, 404, 409, 422];

/** Follow a stream until the signal is aborted, `onEvent` returns false, or it is refused. */
export async function follow(
  target: string,
  onEvent: (sent: Sent) => boolean | void,
  signal: AbortSignal,
  onState: (state: State) => void = () => {},
): Promise<void> {
  let wait = AGAIN_MS;
  let began = Infinity;
  while (!signal.aborted) {
    await seen(signal);
    const limits = limited(signal);
    try {
      const response = await fetch(target, {
        headers: headersOf(true),
        signal: limits.signal,
      });
      if (!response.ok || response.body === null) throw await errorOf(response);
      onState("live");
      began = Date.now();
      for await (const sent of eventsOf(response.body, limits.heard)) {
        if (sent.event === "error") throw endOf(sent.data);
        if (onEvent(sent) === false) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && FOR_GOOD.includes(error.status)) return onState(error);
    } finally {
      limits.stop();
    }
    onState("connecting");
    if (Date.now() - began >= STEADY_MS) wait = AGAIN_MS;
    began = Infinity;
    if (!document.hidden) {
      await pause(wait, signal).catch(() => {});
      wait = Math.min(wait * 2, AGAIN_MS_MAX);
    }
  }
}

function endOf(data: string): ApiError {
  const { code, message, status } = JSON.parse(data);
  return new ApiError(status, code, message);
}

async function* eventsOf(
  body: ReadableStream<Uint8Array>,
  heard: () => void,
): AsyncGenerator<Sent> {
  const reader = body
    .pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
    .getReader();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard();
      text += value;
      const blocks = text.split("\n\n");
      text = blocks.pop() ?? "";
      for (const block of blocks) {
        const sent = eventOf(block);
        if (sent) yield sent;
      }
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function eventOf(block: string): Sent | null {
  const sent: Sent = { event: "message", data: "" };
  for (const line of block.split("\n")) {
    if (line.startsWith("event: ")) sent.event = line.slice(7);
    if (line.startsWith("data: ")) sent.data += line.slice(6);
  }
  return sent.data ? sent : null;
}

/** Wait until somebody looks at the page. */
function seen(signal: AbortSignal): Promise<void> {
  if (!document.hidden || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", look);
      resolve();
    };
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look, { once: true });
  });
}

interface Limits {
  signal: AbortSignal;
  heard: () => void;
  stop: () => void;
}

/** Ends what is not to go on: the page is not seen, it is told to end, nothing is heard. */
function limited(outer: AbortSignal): Limits {
  const own = new AbortController();
  let silence: ReturnType<typeof setTimeout> | undefined;
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(() => own.abort(), SILENT_MS);
  };
  const look = () => document.hidden && own.abort();
  const end = () => own.abort();
  document.addEventListener("visibilitychange", look);
  outer.addEventListener("abort", end, { once: true });
  heard();
  const stop = () => {
    clearTimeout(silence);
    document.removeEventListener("visibilitychange", look);
    outer.removeEventListener("abort", end);
  };
  return { signal: own.signal, heard, stop };
}
