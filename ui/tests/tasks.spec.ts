// Task runs across runs: their columns, their durations as they go on, each filter under its name.
import type { Page } from "@playwright/test";
import { expect, open, read, test, world } from "./page";

const rows = (page: Page) => page.locator("table[data-kind=task-runs] tbody tr");

test("task runs are shown with all that is known of them", async ({ page }) => {
  const order = world().order ?? "";
  await open(page, `/task-runs?q=${order}&task_def=charge_card`);
  await expect(page.locator("table[data-kind=task-runs] th")).toHaveText([
    "State",
    "Task",
    "Run",
    "Id",
    "Start",
    "End",
    "Duration",
    "Workflow",
    "Attempts",
    "",
  ]);
  await expect(rows(page)).toHaveCount(1);
  const cells = rows(page).locator("td");
  await expect(cells).toHaveText([
    "success",
    "charge_card",
    `${order.slice(0, 8)}…`,
    /^.{8}…$/,
    /\d\d:\d\d/,
    /\d\d:\d\d/,
    /\d (ms|s|min)/,
    "order",
    "2",
    "",
  ]);
  await expect(page.getByRole("columnheader", { name: "Start" })).toHaveAttribute(
    "aria-sort",
    "descending",
  );
  await expect(page.getByRole("img", { name: /Task runs by day/ })).toBeVisible();
  await page.getByRole("link", { name: /^Details of charge_card/ }).click();
  await expect(page.getByRole("complementary")).toContainText("receipt-4200");
});

interface Took {
  task_def: string;
  attempts: { scheduled_at: string; ended_at: string }[];
}

/** The tasks of task runs that have ended, that which took longest first. */
async function longestFirst(path: string): Promise<string[]> {
  const took = ({ attempts }: Took) =>
    Date.parse(attempts.at(-1)?.ended_at ?? "") - Date.parse(attempts[0]?.scheduled_at ?? "");
  const { items } = (await read(path)) as unknown as { items: Took[] };
  return items.sort((one, other) => took(other) - took(one)).map((one) => one.task_def);
}

test("task runs are put in order by a column, and once more the other way round", async ({
  page,
}) => {
  const tasks = (at: number) => rows(page).locator(`td:nth-child(${at})`);
  const heading = (name: string) => page.getByRole("columnheader", { name });
  await open(page, `/task-runs?q=${world().order}`);
  await expect(rows(page)).toHaveCount(3);
  await heading("Task").getByRole("button").click();
  await expect(page).toHaveURL(/by=task/);
  await expect(tasks(2)).toHaveText(["charge_card", "reserve_stock", "ship"]);
  await expect(heading("Task")).toHaveAttribute("aria-sort", "ascending");
  await expect(heading("Start")).not.toHaveAttribute("aria-sort");
  await heading("Task").getByRole("button").click();
  await expect(tasks(2)).toHaveText(["ship", "reserve_stock", "charge_card"]);
  await heading("Attempts").getByRole("button").click();
  await expect(tasks(9)).toHaveText(["2", "1", "1"]);
  await heading("Duration").getByRole("button").click();
  await expect(tasks(2)).toHaveText(await longestFirst(`/v1/task-runs?q=${world().order}`));
  await heading("Start").getByRole("button").click();
  await expect(tasks(2)).toHaveText(["ship", "charge_card", "reserve_stock"]);
  await expect(page).not.toHaveURL(/by=/);
  await open(page, "/task-runs?by=-duration&status=TASK_RUNNING&status=TASK_SUCCESS");
  await expect(tasks(2).first()).toHaveText("long_haul"); // what is not over counts until now
});

test("how long a task has run counts on", async ({ page }) => {
  await open(page, "/task-runs?task_def=long_haul&status=TASK_RUNNING");
  const took = rows(page).first().locator(".running");
  const before = await took.textContent();
  expect(before).toMatch(/\d/);
  await expect(took).not.toHaveText(before ?? "");
});

test("task runs are filtered by the words of the API", async ({ page }) => {
  const parent = world().parent ?? "";
  await open(page, "/task-runs");
  await page.getByText("More filters").click();
  await page.getByLabel("Started by the run").fill(parent);
  await page.getByLabel("Started by the run").press("Enter");
  await expect(page).toHaveURL(new RegExp(`trigger_wf_run_id=${parent}`));
  await expect(rows(page)).toHaveCount(3);
  await expect(rows(page).locator("td:nth-child(8)")).toHaveText(["order", "order", "order"]);
  await page.getByLabel("Child runs").selectOption("MAIN");
  await expect(page.locator(".empty")).toContainText("No task runs that match");
  await page.getByLabel("Child runs").selectOption("CHILD");
  await expect(rows(page)).toHaveCount(3);
  await page.getByLabel("Namespace").fill("nowhere");
  await page.getByLabel("Namespace").press("Enter");
  await expect(page.locator(".empty")).toBeVisible();
  await open(page, "/task-runs?label=team:sales&wf_spec=order");
  await expect(rows(page)).toHaveCount(3);
  await page.getByLabel("Workflow").selectOption("packing");
  await expect(page.locator(".empty")).toBeVisible();
});

test("task runs of a span of time, and between two moments", async ({ page }) => {
  await open(page, `/task-runs?q=${world().packing}`);
  await expect(rows(page)).toHaveCount(12);
  await page.getByLabel("Started", { exact: true }).selectOption("Last hour");
  await expect(page).toHaveURL(/within=3600/);
  await expect(rows(page)).toHaveCount(12);
  await page.getByLabel("Started", { exact: true }).selectOption("Between…");
  await expect(page).toHaveURL(/started_after=/);
  await expect(rows(page)).toHaveCount(12);
  await page.getByLabel("Started at or after").fill("2020-01-01T08:00");
  await expect(page).toHaveURL(/started_after=2020/);
  await expect(rows(page)).toHaveCount(12);
  await page.getByLabel("Started before").fill("2020-01-31T08:00");
  await expect(page).toHaveURL(/started_before=2020/);
  await expect(page.locator(".empty")).toBeVisible();
  await page.getByLabel("Started", { exact: true }).selectOption("Any time");
  await expect(rows(page)).toHaveCount(12);
  await expect(page).not.toHaveURL(/started_/);
});
