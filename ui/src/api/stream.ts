// Server-sent events, read with fetch: EventSource can send no key. A stream that breaks is opened
// again; while nobody looks at the page there is none, since a browser has few connections.
import { errorOf, headersOf, pause } from "./client";

export interface Sent {
  event: string;
  data: string;
}

const AGAIN_MS = 1000;
const AGAIN_MS_MAX = 15_000;

/** Follow a stream until the signal is aborted or `onEvent` returns false. */
export async function follow(
  target: string,
  onEvent: (sent: Sent) => boolean | void,
  signal: AbortSignal,
  onState: (live: boolean) => void = () => {},
): Promise<void> {
  let wait = AGAIN_MS;
  while (!signal.aborted) {
    await seen(signal);
    const hidden = whenHidden(signal);
    try {
      const response = await fetch(target, {
        headers: headersOf(true),
        signal: hidden.signal,
      });
      if (!response.ok || response.body === null) throw await errorOf(response);
      onState(true);
      wait = AGAIN_MS;
      for await (const sent of eventsOf(response.body)) {
        if (sent.event === "error") break; // why it has ended: who asks again is told so, too
        if (onEvent(sent) === false) return;
      }
    } catch (error) {
      if (signal.aborted) return;
    } finally {
      hidden.stop();
      onState(false);
    }
    if (!document.hidden) {
      await pause(wait, signal).catch(() => {});
      wait = Math.min(wait * 2, AGAIN_MS_MAX);
    }
  }
}

async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Sent> {
  const reader = body
    .pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
    .getReader();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
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

function whenHidden(outer: AbortSignal): { signal: AbortSignal; stop: () => void } {
  const own = new AbortController();
  const look = () => document.hidden && own.abort();
  const end = () => own.abort();
  document.addEventListener("visibilitychange", look);
  outer.addEventListener("abort", end, { once: true });
  const stop = () => {
    document.removeEventListener("visibilitychange", look);
    outer.removeEventListener("abort", end);
  };
  return { signal: own.signal, stop };
}
