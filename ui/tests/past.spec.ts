// The past of a run: a slider over the positions of the log, and the whole page as of then.
import { expect, open, put, run, test, world } from "./page";

test("the slider goes through the steps of a run", async ({ page }) => {
  await open(page, `/runs/${world().order}`);
  const status = page.locator(".run-head > .status");
  await expect(status).toHaveText("completed");
  await page.getByRole("button", { name: "Past" }).click();
  const past = page.getByRole("region", { name: "The past of the run" });
  const slider = past.getByRole("slider", { name: "Step" });
  await expect(past).toContainText(/(\d+) of \1\b/);
  await expect(past).toContainText("run completed");
  const steps = Number(await slider.getAttribute("max"));
  expect(steps).toBeGreaterThan(3);
  await slider.fill("0");
  await expect(past).toContainText("1 of");
  await expect(past).toContainText("RunWf");
  await expect(page).toHaveURL(/as_of=\d+%3A\d+/);
  await expect(status).toHaveText("running");
  await expect(page.getByRole("list", { name: "Why it is waiting" })).toContainText(
    "Waits in the queue of reserve_stock",
  );
  await expect(page.getByRole("button", { name: "Actions" })).toHaveCount(0);
  const first = page.getByRole("button", { name: /1-reserve_stock.*task/ });
  await expect(first).toHaveAccessibleName(/running/);
  const address = page.url();
  await past.getByRole("button", { name: "One step on" }).click();
  await expect(past).toContainText("2 of");
  await expect(page).not.toHaveURL(address); // a moment after the slider has come to rest
  await page.reload();
  await expect(past).toContainText("2 of");
  await expect(status).toHaveText("running");
  await past.getByRole("button", { name: "Now" }).click();
  await expect(past).toHaveCount(0);
  await expect(status).toHaveText("completed");
  await expect(page.getByRole("button", { name: "Actions" })).toBeVisible();
});

test("variables are as they were, and can not be changed then", async ({ page }) => {
  const id = await run("until_ready");
  await put(`/v1/wf-runs/${id}/actions/edit-variable`, { name: "ready", value: true }, "POST");
  await open(page, `/runs/${id}?tab=variables&as_of=newest`);
  const table = page.locator("table[data-kind=variables]");
  await expect(table).toContainText("true");
  await page.getByRole("button", { name: "One step back" }).click();
  await expect(table).toContainText("false");
  await expect(page.getByRole("button", { name: "Edit ready" })).toHaveCount(0);
});

test("a moment that is none is explained", async ({ page }) => {
  await open(page, `/runs/${world().order}?as_of=yesterday`);
  await expect(page.locator(".problem")).toContainText("is no moment");
});
