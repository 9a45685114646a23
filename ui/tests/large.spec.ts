// What is large stays usable: a graph of 500 nodes, a timeline of 10,000 task runs, also while they
// are done; and what pages may cost. A machine that does other things makes a page slower, never faster: so the best
// of a few measurements is held against a budget.
import { gzipSync } from "node:zlib";
import type { CDPSession, Page } from "@playwright/test";
import { expect, open, put, read, run, test, world } from "./page";

const NODES = 500;
const TASKS = 10_000;
const AT_ONCE = 20;
const ROWS_DRAWN_MAX = 120;
const STEPS = 60;
const TRIES = 5;
const SPUN_MS = 500;
const LAYOUT_MS_MAX = 2000;
const FRAME_MS_MAX = 33;
const PAINT_MS_MAX = 1000;
const SCRIPT_BYTES_MAX = 250_000;

/** The least of a few measurements; there are no more once one is below the budget. */
async function best(budget: number, measure: () => Promise<number>): Promise<number> {
  let least = Infinity;
  for (let left = TRIES; left > 0 && least >= budget; left--)
    least = Math.min(least, await measure());
  return least;
}

/** A chain in which every tenth node is a choice between two ways. */
function wide(): object {
  const nodes: Record<string, object> = { start: { type: "ENTRYPOINT", edges: [{ to: "n0" }] } };
  const last = NODES - 3;
  for (let at = 0; at <= last; at++) {
    const next = at === last ? "end" : `n${at + 1}`;
    const skip = at + 2 <= last ? `n${at + 2}` : "end";
    const never = {
      from: "COMPARISON",
      left: { from: "VALUE", value: at },
      comparator: "LESS_THAN",
      right: { from: "VARIABLE", name: "limit" },
    };
    nodes[`n${at}`] = {
      type: "NOP",
      edges: at % 10 === 0 ? [{ to: skip, condition: never }, { to: next }] : [{ to: next }],
    };
  }
  nodes.end = { type: "EXIT" };
  const variables = [{ name: "limit", type: "INT", required: true }];
  return { entrypoint: "main", threads: { main: { nodes, variables } } };
}

const many = {
  entrypoint: "main",
  threads: {
    main: {
      variables: [{ name: "items", type: "JSON_ARR", required: true }],
      nodes: {
        start: { type: "ENTRYPOINT", edges: [{ to: "each" }] },
        each: {
          type: "RUN_THREADS",
          threads: ["body"],
          values: { from: "VARIABLE", name: "items" },
          edges: [{ to: "end" }],
        },
        end: { type: "EXIT" },
      },
    },
    body: {
      nodes: {
        start: { type: "ENTRYPOINT", edges: [{ to: "work" }] },
        work: { type: "TASK", task_def: "piece", edges: [{ to: "end" }] },
        end: { type: "EXIT" },
      },
    },
  },
};

/** In the page: how long each frame took while the timeline was scrolled; many, from its top on. */
async function scrolled(steps: number): Promise<number[]> {
  const box = document.querySelector(".rows")!;
  if (steps > 1) box.scrollTop = 0;
  const times: number[] = [];
  let last = performance.now();
  for (let step = 0; step < steps; step++) {
    box.scrollTop += 400;
    await new Promise(requestAnimationFrame);
    times.push(performance.now() - last);
    last = performance.now();
  }
  return times.sort((one, other) => one - other);
}

/** How long the page's thread has had the processor. */
async function usedMs(devtools: CDPSession): Promise<number> {
  const { metrics } = await devtools.send("Performance.getMetrics");
  return 1000 * (metrics.find((one) => one.name === "ThreadTime")?.value ?? NaN);
}

/** How many times longer all takes than the processor is needed for it: 1 where nothing else runs. */
async function hindrance(page: Page): Promise<number> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Performance.enable");
  const before = await usedMs(devtools);
  const tookMs = await page.evaluate((ms) => {
    const begun = performance.now();
    while (performance.now() - begun < ms);
    return performance.now() - begun;
  }, SPUN_MS);
  const used = (await usedMs(devtools)) - before;
  await devtools.detach();
  return Math.max(1, tookMs / used);
}

/** How long the page's thread had the processor for each frame of a scroll, at the 95th percentile. */
async function workOfFrames(page: Page): Promise<number> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Performance.enable");
  const times: number[] = [];
  for (let step = 0, before = await usedMs(devtools); step < STEPS; step++) {
    await page.evaluate(scrolled, 1);
    const now = await usedMs(devtools);
    times.push(now - before);
    before = now;
  }
  await devtools.detach();
  return times.sort((one, other) => one - other)[Math.floor(STEPS * 0.95)] ?? NaN;
}

/** In the page: when its first content was painted, from the beginning of the navigation on. */
function firstPaint(): Promise<number> {
  return new Promise((resolve) => {
    new PerformanceObserver((list) => {
      const [first] = list.getEntriesByName("first-contentful-paint");
      if (first) resolve(first.startTime);
    }).observe({ type: "paint", buffered: true });
  });
}

test("a graph of 500 nodes is laid out beside the page, which goes on", async ({ page }) => {
  test.setTimeout(120_000);
  await put("/v1/wf-specs?wait=all", { name: "wide", spec: wide() });
  const took = await best(LAYOUT_MS_MAX, async () => {
    const before = await hindrance(page);
    await open(page, "/workflows/wide");
    const drawn = page.locator(".graph svg[data-ready]");
    await expect(drawn).toHaveAttribute("data-ready", "yes", { timeout: 60_000 });
    await expect(page.locator(".graph .node")).toHaveCount(NODES);
    const ms = Number(await drawn.getAttribute("data-took-ms"));
    const hindered = Math.min(before, await hindrance(page));
    console.log(`layout of ${NODES} nodes: ${ms} ms, hindered ${hindered.toFixed(2)} times`);
    return ms / hindered;
  });
  expect(took).toBeGreaterThan(0);
  expect(took).toBeLessThan(LAYOUT_MS_MAX);
});

/** Do tasks of the run, until it is said to stop; how many were done. */
async function work(isOver: () => boolean): Promise<number> {
  let done = 0;
  while (!isOver()) {
    const asked = { worker: "hand", tasks_max: AT_ONCE, wait_ms: 1000 };
    const { tasks } = await put("/v1/task-queues/piece/poll", asked, "POST");
    const reports = (tasks as Record<string, unknown>[]).map(({ wf_run_id, guid, attempt }) =>
      put("/v1/tasks/report", { wf_run_id, guid, attempt, status: "TASK_SUCCESS" }, "POST"),
    );
    done += (await Promise.all(reports)).length;
  }
  return done;
}

/** Delete a run with all that it has, so that other tests do not look through it. */
async function remove(id: string): Promise<void> {
  await put(`/v1/wf-runs/${id}/actions/kill`, {}, "POST");
  await expect(async () => {
    expect((await read(`/v1/wf-runs/${id}`)).ended_at).not.toBeNull();
  }).toPass({ timeout: 120_000 });
  await put(`/v1/wf-runs/${id}`, undefined, "DELETE");
  const there = async () => (await fetch(`${world().url}/v1/wf-runs/${id}`)).status;
  await expect.poll(there, { timeout: 120_000 }).toBe(404);
}

test("a run of 10,000 task runs is scrolled through, and is shown while it goes on", async ({
  page,
}) => {
  test.setTimeout(400_000);
  await put("/v1/task-defs?wait=all", { name: "piece" });
  await put("/v1/wf-specs?wait=all", { name: "many", spec: many });
  const id = await run("many", { items: Array.from({ length: TASKS }, (_, at) => at) });
  let over = false;
  const worked = work(() => over);
  await open(page, `/runs/${id}?tab=timeline`);
  const count = page.getByRole("tab", { name: /Timeline/ }).locator(".count");
  await expect(count).toHaveText(String(TASKS), { timeout: 120_000 });
  await expect(page.locator(".run-head > .status")).toHaveText("running");
  over = true;
  const done = await worked;
  console.log(`${done} tasks were done meanwhile`);
  expect(done).toBeGreaterThan(0);
  const rows = page.locator(".gantt-row");
  await expect(rows.first()).toBeVisible({ timeout: 30_000 });
  await expect(page.locator(".head .hint.bad")).toHaveCount(0);
  expect(await rows.count()).toBeLessThan(ROWS_DRAWN_MAX);
  let slow = await best(FRAME_MS_MAX, async () => {
    const frames = await page.evaluate(scrolled, STEPS);
    const [middle, p95] = [frames[STEPS / 2] ?? NaN, frames[Math.floor(STEPS * 0.95)] ?? NaN];
    console.log(`frames while scrolling: p50 ${middle.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms`);
    return p95;
  });
  expect(await rows.count()).toBeLessThan(ROWS_DRAWN_MAX);
  if (slow >= FRAME_MS_MAX) {
    slow = await workOfFrames(page); // the machine is busy: what is the page's own of it?
    console.log(`the page's own work for a frame: p95 ${slow.toFixed(1)} ms`);
  }
  expect(slow).toBeGreaterThan(0);
  expect(slow).toBeLessThan(FRAME_MS_MAX);
  await remove(id);
});

test("a page is there within a second", async ({ page }) => {
  for (const path of ["/runs", "/task-runs"]) {
    const painted = await best(PAINT_MS_MAX, async () => {
      await open(page, path);
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      return page.evaluate(firstPaint);
    });
    console.log(`first paint of ${path}: ${Math.round(painted)} ms`);
    expect(painted).toBeLessThan(PAINT_MS_MAX);
  }
});

test("the script is small, and the layout is not loaded where nothing is drawn", async ({
  page,
}) => {
  const scripts: Promise<Buffer>[] = [];
  page.on("response", (response) => {
    if (new URL(response.url()).pathname.endsWith(".js")) scripts.push(response.body());
  });
  await open(page, "/schedules");
  await expect(page.locator("table[data-kind=schedules]")).toBeVisible();
  const sizes = (await Promise.all(scripts)).map((one) => gzipSync(one).length);
  const bytes = sizes.reduce((sum, one) => sum + one, 0);
  console.log(`script: ${bytes} bytes gzipped`);
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThan(SCRIPT_BYTES_MAX);
});
