// What stands still until somebody mends it: dead letters, and breakers that are open.
import type { Page } from "@playwright/test";
import { expect, inAnother, open, put, run, test } from "./page";

test("a dead letter is read, and sent again once, which another browser sees", async ({
  page,
  browser,
}) => {
  const letters = (one: Page) => one.locator("table[data-kind=dead-letters] tbody tr");
  const row = letters(page);
  await open(page, "/dead-letters");
  await expect(row).toHaveCount(1);
  await expect(row).toContainText("MALFORMED");
  await row.getByRole("button", { name: "Read" }).click();
  const letter = page.getByRole("dialog", { name: "Dead letter 0" });
  await expect(letter).toContainText("until_ready");
  await letter.getByRole("button", { name: "Close" }).click();
  await expect(letter).toHaveCount(0);
  await inAnother(browser, async (other) => {
    await open(other, "/dead-letters");
    await expect(letters(other).getByRole("button", { name: "Send again" })).toBeEnabled();
    await row.getByRole("button", { name: "Send again" }).click();
    await expect(row.getByRole("button", { name: "Sent again" })).toBeDisabled();
    await expect(letters(other).getByRole("button", { name: "Sent again" })).toBeDisabled();
  });
  await open(page, "/runs/lost");
  await expect(page.locator(".run-head > .status")).toHaveText("running");
});

test("a breaker that is open is shown, and closed by hand", async ({ page }) => {
  await put("/v1/task-defs?wait=all", { name: "fragile", breaker: { level: 0, window: 1 } });
  const nodes = {
    start: { type: "ENTRYPOINT", edges: [{ to: "work" }] },
    work: { type: "TASK", task_def: "fragile", edges: [{ to: "end" }] },
    end: { type: "EXIT" },
  };
  const spec = { entrypoint: "main", threads: { main: { nodes } } };
  await put("/v1/wf-specs?wait=all", { name: "breaks", spec });
  await run("breaks");
  const asked = { worker: "hand", wait_ms: 10_000 };
  const { tasks } = await put("/v1/task-queues/fragile/poll", asked, "POST");
  for (const { wf_run_id, guid, attempt } of tasks as Record<string, unknown>[])
    await put("/v1/tasks/report", { wf_run_id, guid, attempt, status: "TASK_FAILED" }, "POST");
  await open(page, "/queues?task_def=fragile");
  const row = page.locator("table[data-kind=queues] tbody tr");
  await expect(row).toContainText("open on 1 partitions");
  await row.getByRole("button", { name: "Close" }).click();
  await expect(row).toContainText("closed");
});

test("the doctor looks again when told to", async ({ page }) => {
  await open(page, "/cluster");
  const findings = page.locator("table[data-kind=findings] tbody tr");
  await expect(findings.filter({ hasText: "LAG" }).first()).toBeVisible();
  const asked = page.waitForResponse((answer) => answer.url().endsWith("/v1/doctor"));
  await page.getByRole("button", { name: "Examine" }).click();
  expect((await asked).ok()).toBe(true);
});
