// A server that does not answer, or whose stream says nothing more: a page says so, and asks again.
import type { Page } from "@playwright/test";
import { expect, open, run, test } from "./page";

/** Hold back what is asked there until it is let go. */
async function held(page: Page, target: string): Promise<() => void> {
  let holds = true;
  await page.route(target, (route) => (holds ? undefined : route.continue()));
  return () => void (holds = false);
}

test("what is not answered is told, and asked for again", async ({ page }) => {
  await page.clock.install();
  const letGo = await held(page, "**/v1/schedules?*");
  await open(page, "/schedules");
  await expect(page.getByRole("progressbar")).toBeVisible();
  await page.clock.fastForward(29_000);
  await expect(page.getByRole("alert")).toHaveCount(0);
  await page.clock.fastForward(2000);
  const alert = page.getByRole("alert");
  await expect(alert).toContainText("The server has not answered for 30 s");
  await expect(alert).toContainText("asked again");
  letGo();
  await page.clock.fastForward(6000);
  await expect(page.locator("table[data-kind=schedules]")).toContainText("each-five");
  await expect(alert).toHaveCount(0);
});

test("what is shown stays while nothing more is answered", async ({ page }) => {
  await page.clock.install();
  await open(page, "/schedules");
  const list = page.locator("table[data-kind=schedules]");
  await expect(list).toContainText("each-five");
  const letGo = await held(page, "**/v1/schedules?*");
  const asked = page.waitForRequest("**/v1/schedules?*");
  await run("until_ready"); // something has changed: the page looks again
  await asked;
  await page.clock.fastForward(31_000);
  await expect(page.getByRole("alert")).toContainText("The server has not answered");
  await expect(list).toContainText("each-five");
  letGo();
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(list).toContainText("each-five");
  await expect(page.getByRole("alert")).toHaveCount(0);
});

test("a stream that says nothing is opened again", async ({ page }) => {
  await page.clock.install();
  const letGo = await held(page, "**/v1/changes/follow");
  await open(page, "/schedules");
  await expect(page.locator("table[data-kind=schedules]")).toContainText("each-five");
  await page.clock.fastForward(41_000);
  await expect(page.locator(".live")).toHaveText("connecting");
  letGo();
  await page.clock.fastForward(2000);
  await expect(page.locator(".live")).toHaveText("live");
});
