// What is large stays usable: a graph of 500 nodes, a timeline of thousands of threads.
import { expect, open, put, run, test } from "./page";

const NODES = 500;
const THREADS = 2000;
const ROWS_DRAWN_MAX = 120;

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
        start: { type: "ENTRYPOINT", edges: [{ to: "nap" }] },
        nap: {
          type: "SLEEP",
          seconds: { from: "VALUE", value: 0 },
          edges: [{ to: "end" }],
        },
        end: { type: "EXIT" },
      },
    },
  },
};

test("a graph of 500 nodes is laid out beside the page, which goes on", async ({ page }) => {
  test.setTimeout(120_000);
  await put("/v1/wf-specs?wait=all", { name: "wide", spec: wide() });
  await open(page, "/workflows/wide");
  await expect(page.locator(".graph svg[data-ready]")).toHaveAttribute("data-ready", "yes", {
    timeout: 60_000,
  });
  await expect(page.locator(".graph .node")).toHaveCount(NODES);
  const took = await page.evaluate(() =>
    Number(document.querySelector<SVGElement>(".graph svg")?.dataset.tookMs),
  );
  console.log(`layout of ${NODES} nodes: ${took} ms`);
  expect(took).toBeGreaterThan(0);
});

test("a run of thousands of threads is scrolled through", async ({ page }) => {
  test.setTimeout(180_000);
  await put("/v1/wf-specs?wait=all", { name: "many", spec: many });
  const id = await run("many", { items: Array.from({ length: THREADS }, (_, at) => at) });
  await open(page, `/runs/${id}?tab=timeline`);
  await expect(page.locator(".run-head > .status")).toHaveText("completed", { timeout: 120_000 });
  const rows = page.locator(".gantt-row");
  await expect(rows.first()).toBeVisible({ timeout: 30_000 });
  expect(await rows.count()).toBeLessThan(ROWS_DRAWN_MAX);
  const frames = await page.evaluate(async () => {
    const box = document.querySelector(".rows")!;
    const times: number[] = [];
    let last = performance.now();
    for (let step = 0; step < 60; step++) {
      box.scrollTop += 400;
      await new Promise(requestAnimationFrame);
      times.push(performance.now() - last);
      last = performance.now();
    }
    return times.sort((one, other) => one - other);
  });
  console.log(
    `frames while scrolling: p50 ${frames[30]?.toFixed(1)} ms, p95 ${frames[57]?.toFixed(1)} ms`,
  );
  expect(await rows.count()).toBeLessThan(ROWS_DRAWN_MAX);
});
