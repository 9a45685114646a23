// Schedules: made, changed, paused, let go on and deleted, with what the server says at its field.
import type { Locator, Page } from "@playwright/test";
import { expect, open, put, read, test } from "./page";

const row = (page: Page, id: string): Locator =>
  page.locator("table[data-kind=schedules] tbody tr", { hasText: id });

test("a schedule is made by its form, which shows what the server refuses where it is", async ({
  page,
}) => {
  await open(page, "/workflows/order");
  await page.getByRole("button", { name: "Schedule" }).click();
  const dialog = page.getByRole("dialog", { name: "New schedule" });
  await expect(dialog.getByLabel("Workflow")).toHaveValue("order");
  await dialog.getByLabel("Id optional").fill("nightly");
  await dialog.getByLabel(/^Cron/).fill("61 * * * *");
  await dialog.getByLabel(/^item/).fill("ink");
  await dialog.getByRole("button", { name: "Make" }).click();
  await expect(dialog).toContainText("this is needed"); // the card
  await dialog.getByLabel(/^card/).fill("4242");
  await dialog.getByRole("button", { name: "Make" }).click();
  await expect(dialog.getByRole("alert")).toContainText("cron '61 * * * *'");
  await expect(dialog.getByLabel(/^Cron/)).toHaveAttribute("aria-invalid", "true");
  await dialog.getByRole("button", { name: "at 8 on workdays" }).click();
  await dialog.getByLabel(/^Time zone/).fill("Europe/Nowhere");
  await dialog.getByRole("button", { name: "Make" }).click();
  await expect(dialog.getByRole("alert")).toContainText("no time zone has this name");
  await dialog.getByLabel(/^Time zone/).fill("Europe/Berlin");
  await dialog.getByRole("button", { name: "Make" }).click();
  await expect(dialog).toHaveCount(0);
  await expect(row(page, "nightly")).toContainText("0 8 * * 1-5");
  await expect(row(page, "nightly")).toContainText("active");
  const made = await read("/v1/schedules/nightly");
  expect(made).toMatchObject({ wf_spec: "order", time_zone: "Europe/Berlin", cron: "0 8 * * 1-5" });
  expect(made.variables).toEqual({ item: "ink", card: "*****" });
});

test("one that starts at one moment is made, and its run appears", async ({ page }) => {
  await open(page, "/schedules");
  await page.getByRole("button", { name: "New schedule" }).click();
  const dialog = page.getByRole("dialog", { name: "New schedule" });
  await dialog.getByLabel("Workflow").selectOption("until_ready");
  await dialog.getByLabel("Id optional").fill("just-once");
  await dialog.getByLabel("When").selectOption("once");
  await dialog.getByRole("button", { name: "Make" }).click();
  await expect(dialog).toContainText("a day and a time are wanted");
  await dialog.getByLabel(/^Day and time/).fill("2099-01-31T08:00:00");
  await dialog.getByRole("button", { name: "Make" }).click();
  await expect(row(page, "just-once")).toContainText("2099-01-31 08:00:00");
});

test("a schedule is changed: what is refused leaves it as it was", async ({ page }) => {
  const variables = { item: "ink", card: "4242", count: 3 };
  const made = { wf_spec: "order", cron: "0 0 1 1 *", schedule_id: "yearly", variables };
  await put("/v1/schedules", { ...made, labels: { team: "night" }, grace_ms: 5000 }, "POST");
  await open(page, "/schedules");
  await row(page, "yearly").getByRole("button", { name: "Edit yearly" }).click();
  const dialog = page.getByRole("dialog", { name: "Schedule yearly" });
  await expect(dialog.getByLabel(/^item/)).toHaveValue("ink");
  await expect(dialog.getByLabel(/^count/)).toHaveValue("3");
  await expect(dialog.getByLabel(/^card/)).toHaveValue(""); // it is masked
  await dialog.getByLabel(/^Cron/).fill("every day");
  await dialog.getByLabel(/^count/).fill("7");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog).toContainText("this is needed");
  await dialog.getByLabel(/^card/).fill("4343");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog.getByRole("alert")).toContainText("cron 'every day'");
  expect(await read("/v1/schedules/yearly")).toMatchObject({ cron: "0 0 1 1 *" });
  await dialog.getByLabel(/^Cron/).fill("0 0 2 1 *");
  await dialog.getByRole("button", { name: "Save" }).click();
  await expect(dialog).toHaveCount(0);
  await expect(row(page, "yearly")).toContainText("0 0 2 1 *");
  const changed = await read("/v1/schedules/yearly");
  expect(changed).toMatchObject({ labels: { team: "night" }, grace_ms: 5000, status: "ACTIVE" });
  expect(changed.variables).toEqual({ item: "ink", card: "*****", count: 7 });
  const left = (await read("/v1/schedules?limit=1000")).items as { cron: string | null }[];
  expect(left.filter((one) => one.cron === "0 0 2 1 *")).toHaveLength(1); // and no trial of it
});

test("a schedule is paused, goes on, and is deleted", async ({ page }) => {
  const made = { wf_spec: "until_ready", cron: "0 0 1 1 *", schedule_id: "brief" };
  await put("/v1/schedules", made, "POST");
  await open(page, "/schedules");
  const brief = row(page, "brief");
  await brief.getByRole("button", { name: "Pause" }).click();
  await expect(brief).toContainText("paused");
  const statuses = page.getByRole("group", { name: "Statuses" });
  await statuses.getByRole("button", { name: "active" }).click();
  await expect(brief).toHaveCount(0);
  await statuses.getByRole("button", { name: "active" }).click();
  await statuses.getByRole("button", { name: "paused" }).click();
  await expect(page).toHaveURL(/\?status=PAUSED$/);
  await expect(brief).toBeVisible();
  await page.getByRole("main").getByLabel("Workflow").selectOption("order");
  await expect(brief).toHaveCount(0);
  await open(page, "/schedules");
  await brief.getByRole("button", { name: "Resume" }).click();
  await expect(brief).toContainText("active");
  await brief.getByRole("button", { name: "Delete brief" }).click();
  const dialog = page.getByRole("dialog", { name: "Delete brief" });
  await dialog.getByRole("button", { name: "Leave it" }).click();
  await expect(brief).toBeVisible();
  await brief.getByRole("button", { name: "Delete brief" }).click();
  await dialog.getByRole("button", { name: "Delete" }).click();
  await expect(brief).toHaveCount(0);
});
