// Requests to the API: typed by the OpenAPI document, with the caller's key and tenant.
//
// What a command to a run has done is seen by the reads that follow it: its position is kept, and
// reads of that run ask for nothing older.
import { keyWanted, session } from "../base/settings";
import type { FaultShown, Routes } from "./types";

export type Route = keyof Routes;
export type Answer<R extends Route> = Routes[R]["answer"];
export type Query<R extends Route> = Routes[R]["query"];

type Needed<Name extends string, T> = keyof T extends never
  ? { [K in Name]?: T }
  : { [K in Name]: T };
export type Asked<R extends Route> = Needed<"path", Routes[R]["path"]> & {
  query?: Routes[R]["query"];
  body?: Routes[R]["body"];
  signal?: AbortSignal;
};

const TRIES = 4;
/** So long an answer is waited for: a server that is at work says something long before. */
const PATIENCE_S = 30;
const WORTH_ANOTHER_TRY = new Set([421, 429, 503, 504]);
const positions = new Map<string, string>();

/** An answer that is an error: its code is stable, its message is for people. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly faults: FaultShown[] = [],
  ) {
    super(message);
  }
}

/** What was asked got no answer in time. */
export class Unanswered extends ApiError {
  constructor(isRead: boolean) {
    const what = isRead ? "" : "; look whether it has done what was asked";
    super(0, "NO_ANSWER", `The server has not answered for ${PATIENCE_S} s${what}.`);
  }
}

/** Ask something of the API; the answer, or an ApiError. */
export async function call<R extends Route>(route: R, asked: Asked<R>): Promise<Answer<R>> {
  const [method = "", pattern = ""] = route.split(" ");
  const parts = (asked.path ?? {}) as Record<string, string | number>;
  const family = familyOf(parts);
  const query: Record<string, unknown> = { ...(asked.query ?? {}) };
  const isRead = method === "GET";
  if (isRead && family !== undefined) query.at_least = positions.get(family);
  const init: RequestInit = { method, headers: headersOf(isRead), cache: "no-store" };
  if (asked.signal) init.signal = asked.signal;
  if (asked.body !== undefined) init.body = JSON.stringify(asked.body);
  const answer = await tried(filled(pattern, parts) + queryText(query), init);
  const position = (answer as { position?: unknown } | null)?.position;
  if (!isRead && family !== undefined && typeof position === "string")
    positions.set(family, position);
  return answer as Answer<R>;
}

export function headersOf(isRead: boolean): Record<string, string> {
  const { key, tenant } = session.get();
  const headers: Record<string, string> = {};
  if (key) headers["Authorization"] = `Bearer ${key}`;
  if (tenant) headers["Penstock-Tenant"] = tenant;
  if (!isRead) {
    headers["Content-Type"] = "application/json";
    headers["Penstock-Command-Id"] = newId();
  }
  return headers;
}

/** Parameters as a query; a list gives one for each, and what is empty none. */
export function queryText(query: Record<string, unknown>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "") params.append(name, String(one));
    }
  }
  const text = params.toString();
  return text && `?${text}`;
}

/** A command with the same id is done once, so it may be sent again as a read may. */
async function tried(target: string, init: RequestInit): Promise<unknown> {
  for (let left = TRIES - 1; ; left--) {
    const heard = await inTime(init, async (bounded) => {
      const response = await fetch(target, bounded);
      if (response.ok) return { answer: (await response.json()) as unknown };
      return { error: await errorOf(response), after: response.headers.get("Retry-After") };
    });
    if (!heard.error) return heard.answer;
    const { error, after } = heard;
    if (error.status === 401) keyWanted.set(error.message);
    const isLater = WORTH_ANOTHER_TRY.has(error.status) && (after !== null || error.status !== 429);
    if (left === 0 || !isLater) throw error;
    const seconds = Number(after ?? "1") || 1;
    await pause(Math.min(seconds, 3) * 1000, init.signal ?? undefined);
  }
}

/** Ask, but for no longer than an answer is waited for. */
async function inTime<T>(init: RequestInit, ask: (init: RequestInit) => Promise<T>): Promise<T> {
  const [outer, own] = [init.signal, new AbortController()];
  const stop = () => own.abort();
  let late = false;
  const timer = setTimeout(() => ((late = true), stop()), PATIENCE_S * 1000);
  outer?.addEventListener("abort", stop);
  try {
    outer?.throwIfAborted();
    return await ask({ ...init, signal: own.signal });
  } catch (error) {
    throw late ? new Unanswered(init.method === "GET") : error;
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener("abort", stop);
  }
}

export async function errorOf(response: Response): Promise<ApiError> {
  try {
    const { error } = (await response.json()) as {
      error: { code: string; message: string; faults?: FaultShown[] };
    };
    return new ApiError(response.status, error.code, error.message, error.faults);
  } catch {
    return new ApiError(
      response.status,
      "UNREADABLE",
      `the server has answered ${response.status}`,
    );
  }
}

export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stopped = () => reject(new DOMException("stopped", "AbortError"));
    if (signal?.aborted) return stopped();
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => (clearTimeout(timer), stopped()), { once: true });
  });
}

function filled(pattern: string, parts: Record<string, string | number>): string {
  return pattern.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(String(parts[name])),
  );
}

/** The root of the run that a request is about: its whole family is on one partition. */
function familyOf(parts: Record<string, string | number>): string | undefined {
  return parts.wf_run_id === undefined ? undefined : String(parts.wf_run_id).split(".")[0];
}

/** Not randomUUID, which plain http on another machine does not have. */
function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return "ui-" + Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");
}
