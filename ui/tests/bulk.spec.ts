// Bulk jobs: how far each has come, what it was refused for; one is stopped on its way.
import type { Page } from "@playwright/test";
import { expect, open, put, read, run, test } from "./page";

const rows = (page: Page) => page.locator("table[data-kind=bulk-jobs] tbody tr");
const RUNS = 24;

test("a job goes on under the eyes of who looks, and is stopped", async ({ page }) => {
  test.setTimeout(120_000);
  const ids = await Promise.all(Array.from({ length: RUNS }, () => run("until_ready")));
  // Replays go by the rate of starts: at one a second nobody is too slow to stop the job.
  await put("/v1/quotas?wait=all", { tenant: "default", runs_per_second: 1 });
  try {
    const asked = { filter: { wf_run_ids: ids }, verb: "replay" };
    const { bulk_id } = await put("/v1/bulk", asked, "POST");
    await open(page, "/bulk");
    const row = rows(page).filter({ hasText: "replay" }).first();
    await expect(row).toContainText("running");
    await expect(row).toContainText(/[1-9]\d* of \d+ done/);
    await row.getByRole("button", { name: "replay", exact: true }).click();
    await expect(page).toHaveURL(new RegExp(`job=${String(bulk_id)}`));
    const job = page.getByRole("complementary", { name: "The job" });
    await expect(job).toContainText("wf_run_ids");
    await row.getByRole("button", { name: "Stop the job replay" }).click();
    await expect(row).toContainText("cancelled");
    await expect(job).toContainText("Stopped by");
    const ended = await read(`/v1/bulk/${String(bulk_id)}`);
    expect(ended.status).toBe("CANCELLED");
    expect(ended.done).toBeLessThan(RUNS);
  } finally {
    await put("/v1/quotas/default", undefined, "DELETE");
  }
});

test("what a job was refused for is told, run by run; previews are shown on demand", async ({
  page,
}) => {
  const id = await run("until_ready");
  const restart = { filter: { wf_run_ids: [id] }, verb: "restart" };
  const { bulk_id } = await put("/v1/bulk", restart, "POST");
  await put("/v1/bulk", { ...restart, dry_run: true }, "POST");
  await open(page, `/bulk?job=${String(bulk_id)}`);
  const job = page.getByRole("complementary", { name: "The job" });
  await expect(job).toContainText("0 of 1 done");
  await expect(job.getByRole("link", { name: id })).toBeVisible();
  await expect(job).toContainText(/[A-Z_]{6,} 1/);
  await expect(rows(page).filter({ hasText: "only counted" })).toHaveCount(0);
  await page.getByRole("button", { name: "With previews" }).click();
  const counted = rows(page).filter({ hasText: "only counted" }).first();
  await expect(counted).toContainText("1 match");
  await expect(rows(page).locator("time").first()).toBeVisible();
  await job.getByRole("button", { name: "Close" }).click();
  await expect(job).toHaveCount(0);
});
