// A page that must have nothing to complain of: no error, nothing against the content policy, no
// request that the OpenAPI document does not have.
import { test as base, expect, type Browser, type Page } from "@playwright/test";
import type { Asked, World } from "./engine";

export const world = (): World => JSON.parse(process.env.PENSTOCK_WORLD ?? "{}") as World;

/** What the OpenAPI document says that may be asked, told by tests/engine.ts. */
const documented = (): Asked[] => JSON.parse(process.env.PENSTOCK_API ?? "[]") as Asked[];

/** What is wrong with a request by the document: its route, or the name of a parameter. */
export function undocumented(api: Asked[], method: string, address: string): string[] {
  const { pathname, searchParams } = new URL(address);
  const route = api.find(
    (one) => one.method === method && new RegExp(`^${one.pattern}$`).test(pathname),
  );
  if (!route) return [`there is no ${method} ${pathname}`];
  return [...searchParams.keys()]
    .filter((name) => !route.names.includes(name))
    .map((name) => `${method} ${pathname} has no parameter ${name}`);
}

/** Hear every complaint of a page, but of answers that are no 2xx: some tests want these. */
export function complaints(page: Page): string[] {
  const heard: string[] = [];
  const api = documented();
  page.on("request", (request) => {
    if (!new URL(request.url()).pathname.startsWith("/v1/")) return;
    heard.push(...undocumented(api, request.method(), request.url()));
  });
  page.on("pageerror", (error) => heard.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => (heard.push(`dialog: ${dialog.message()}`), void dialog.dismiss()));
  page.on("console", (message) => {
    const text = message.text();
    const refused = text.startsWith(
      "Failed to load resource: the server responded with a status of 4",
    );
    if (["error", "warning"].includes(message.type()) && !refused) heard.push(text);
  });
  return heard;
}

export const test = base.extend<{ quiet: void }>({
  quiet: [
    async ({ page }, use) => {
      const heard = complaints(page);
      await use();
      expect(heard).toEqual([]);
    },
    { auto: true },
  ],
});

/** Look with another browser, which must have nothing to complain of either. */
export async function inAnother(
  browser: Browser,
  look: (other: Page) => Promise<void>,
): Promise<void> {
  const other = await (await browser.newContext()).newPage();
  const heard = complaints(other);
  await look(other);
  expect(heard).toEqual([]);
  await other.context().close();
}

export async function open(page: Page, path: string): Promise<void> {
  await page.goto(`${world().url}/ui${path}`);
}

/** Say something to the API as another client would. */
export async function put(
  path: string,
  body: unknown,
  method = "PUT",
): Promise<Record<string, unknown>> {
  const answer = await fetch(world().url + path, {
    method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return (await answer.json()) as Record<string, unknown>;
}

/** What the API says now. */
export async function read(path: string): Promise<Record<string, unknown>> {
  const answer = await fetch(world().url + path);
  if (!answer.ok) throw new Error(await answer.text());
  return (await answer.json()) as Record<string, unknown>;
}

/** A new run of a workflow; its id. */
export async function run(spec: string, variables: Record<string, unknown> = {}): Promise<string> {
  return String((await put("/v1/wf-runs", { wf_spec: spec, variables }, "POST")).wf_run_id);
}

export { expect };
