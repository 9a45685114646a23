// Every page: it shows what is there, follows links, and complains of nothing.
import AxeBuilder from "./axe";
import { expect, open, run, test, world } from "./page";

const PAGES: [string, () => string, string][] = [
  ["runs", () => "/runs", "Runs"],
  ["workflows", () => "/workflows", "Workflows"],
  ["workflow", () => "/workflows/purchase", "purchase"],
  ["run", () => `/runs/${world().order}`, world().order ?? ""],
  ["timeline", () => `/runs/${world().packing}?tab=timeline`, world().packing ?? ""],
  ["story", () => `/runs/${world().order}?tab=story`, world().order ?? ""],
  ["logs", () => `/runs/${world().order}?tab=logs`, world().order ?? ""],
  ["variables", () => `/runs/${world().order}?tab=variables`, world().order ?? ""],
  ["output", () => `/runs/${world().order}?tab=output`, world().order ?? ""],
  ["related", () => `/runs/${world().parent}?tab=related`, world().parent ?? ""],
  ["node", () => `/runs/${world().order}?node=entrypoint/2-charge_card`, world().order ?? ""],
  ["task runs", () => "/task-runs", "Task runs"],
  ["user tasks", () => "/user-tasks", "User tasks"],
  ["schedules", () => "/schedules", "Schedules"],
  ["bulk jobs", () => "/bulk", "Bulk jobs"],
  ["task queues", () => "/queues", "Task queues"],
  ["workers of a queue", () => "/queues?queue=long_haul", "Task queues"],
  ["metadata", () => "/metadata", "Metadata"],
  ["a definition", () => "/metadata?name=charge_card", "Metadata"],
  ["the past of a run", () => `/runs/${world().order}?as_of=newest`, world().order ?? ""],
  ["dead letters", () => "/dead-letters", "Dead letters"],
  ["cluster", () => "/cluster", "Cluster"],
];

for (const [name, path, title] of PAGES) {
  for (const scheme of ["light", "dark"] as const) {
    test(`${name}, ${scheme}: is there, and can be used by everybody`, async ({ page }) => {
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
      await open(page, path());
      await expect(page.getByRole("heading", { level: 1 })).toHaveText(title);
      await expect(page.locator(".loading")).toHaveCount(0);
      await expect(page.locator(".problem")).toHaveCount(0);
      const found = await AxeBuilder(page);
      expect(found).toEqual([]);
    });
  }
}

for (const scheme of ["light", "dark"] as const) {
  test(`forms, ${scheme}: can be used by everybody`, async ({ page }) => {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    await open(page, "/schedules?make=order");
    const dialog = page.getByRole("dialog");
    await dialog.getByText("Missed times, labels, paused").click();
    await expect(dialog.getByLabel(/^item/)).toBeVisible();
    await dialog.getByRole("button", { name: "Make" }).click();
    await expect(dialog).toContainText("this is needed");
    expect(await AxeBuilder(page)).toEqual([]);
    await open(page, "/user-tasks");
    await page.getByRole("button", { name: "Assign", exact: true }).first().click();
    expect(await AxeBuilder(page)).toEqual([]);
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("link", { name: "approve" }).first().click();
    await expect(page.getByLabel("A comment")).toBeVisible();
    expect(await AxeBuilder(page)).toEqual([]);
  });
}

test("the runs are listed newest first, and filtered by the address", async ({ page }) => {
  const id = await run("packing", { items: [] });
  await open(page, "/runs?status=ERROR");
  const rows = page.locator("table[data-kind=runs] tbody tr");
  await expect(rows.filter({ hasText: "broken" }).first()).toContainText("error");
  await expect(rows.filter({ hasText: "completed" })).toHaveCount(0);
  await page
    .getByRole("group", { name: "Statuses" })
    .getByRole("button", { name: "error" })
    .click();
  await expect(page).toHaveURL(/\/runs$/);
  await expect(rows.filter({ hasText: id })).toContainText("completed");
  await page.keyboard.press("/");
  await page.keyboard.type("sales");
  await expect(rows).toHaveCount(1);
  await expect(page).toHaveURL(/q=sales/);
  await rows.first().getByRole("link").first().click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(world().order ?? "");
});

test("the graph shows where the run has been, and a node's attempts with their logs", async ({
  page,
}) => {
  await open(page, `/runs/${world().order}`);
  await expect(page.locator(".graph svg[data-ready=yes]")).toBeVisible();
  const node = page.getByRole("button", { name: "2-charge_card try 2, task, completed" });
  await expect(node).toContainText("try 2");
  await node.click();
  const inspector = page.getByRole("complementary");
  await expect(inspector).toContainText("receipt-4200");
  await inspector.getByRole("button", { name: "attempt 1" }).click();
  await expect(inspector).toContainText("the bank does not answer");
  await expect(inspector.locator(".attempt-log")).toContainText("attempt 1: charging 4200 cents");
  await page.reload();
  await expect(page.getByRole("complementary")).toContainText("receipt-4200");
});

test("why it is waiting is said", async ({ page }) => {
  const said: [string, RegExp][] = [
    ["queued", /Waits in the queue of nobody_does_this: no worker has begun it/],
    ["waiting", /Waits for the event paid/],
    ["purchase", /Waits for anybody of buyers to fill in approve/],
    ["until_ready", /Waits until ready = true/],
    ["retrying", /flaky failed \(attempt 1 of 5\); the next attempt comes after its backoff/],
    ["hauling", /world-worker does long_haul/],
  ];
  for (const [name, text] of said) {
    await open(page, `/runs/${world()[name]}`);
    await expect(page.getByRole("list", { name: "Why it is waiting" })).toContainText(text);
  }
  await open(page, `/runs/${world().broken}`);
  await expect(page.getByRole("list", { name: "Why it is waiting" })).toContainText(
    /Failed at .*fall_over/,
  );
});

test("search goes everywhere from the keyboard", async ({ page }) => {
  await open(page, "/cluster");
  await expect(page.locator("table[data-kind=partitions]")).toBeVisible();
  await page.keyboard.press("Control+k");
  await page.keyboard.type("purch");
  await expect(page.getByRole("option", { name: /^purchase/ })).toBeVisible();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("purchase");
  await page.keyboard.press("Control+k");
  await page.keyboard.type(world().order ?? "");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(world().order ?? "");
});

test("colours and zone are remembered", async ({ page }) => {
  await open(page, "/runs");
  await page.getByRole("button", { name: "Colours: auto" }).click();
  await page.getByRole("button", { name: "Colours: light" }).click();
  await page.getByRole("button", { name: "Local", exact: true }).click();
  await page.reload();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await expect(page.getByRole("button", { name: "UTC", exact: true })).toBeVisible();
});

test("a telephone has room for it", async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 800 });
  for (const path of [
    "/runs",
    `/runs/${world().order}`,
    `/runs/${world().packing}?tab=timeline`,
    "/workflows/purchase",
    "/schedules",
    "/user-tasks",
    "/task-runs",
    "/queues?queue=long_haul",
    "/bulk",
    "/metadata?name=charge_card",
    "/dead-letters",
    "/cluster",
  ]) {
    await open(page, path);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await expect(page.locator(".loading")).toHaveCount(0);
    const wide = await page.evaluate(
      () => document.documentElement.scrollWidth > window.innerWidth,
    );
    expect(wide, path).toBe(false);
  }
  await page.getByRole("button", { name: "Menu" }).click();
  await page.getByRole("navigation").getByRole("link", { name: "Cluster" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Cluster");
});
