// Whatever people write is text; and who has no key sees nothing.
import { ADMIN_KEY } from "./engine";
import { complaints, expect, open, test, world } from "./page";

const HOSTILE = "<img src=x onerror=";

test("hostile values are shown as text, everywhere", async ({ page }) => {
  const places = [
    "/runs?q=sales",
    `/runs/${world().order}?tab=output`,
    `/runs/${world().broken}`,
    `/runs/${world().printing}?tab=story`,
    `/runs/${world().broken}?tab=variables`,
    "/user-tasks",
  ];
  for (const path of places) {
    await open(page, path);
    await expect(page.locator("main"), path).toContainText(HOSTILE);
    await expect(page.locator("main img, main script")).toHaveCount(0);
  }
  await open(page, `/runs/${encodeURIComponent(`${HOSTILE}alert(1)>`)}`);
  await expect(page.locator(".problem")).toBeVisible();
  await open(page, `/workflows/${encodeURIComponent(`"><script>alert(1)</script>`)}`);
  await expect(page.locator(".problem")).toBeVisible();
  expect(await page.title()).not.toBe("1");
});

test("the pages run nothing that is not theirs", async ({ request }) => {
  const answer = await request.get(`${world().url}/ui/runs/anything`);
  const policy = answer.headers()["content-security-policy"] ?? "";
  expect(policy).toContain("script-src 'self'");
  expect(policy).not.toContain("unsafe");
  expect(answer.headers()["x-content-type-options"]).toBe("nosniff");
  expect(answer.headers()["cache-control"]).toBe("no-cache");
  const script = /src="([^"]+\.js)"/.exec(await answer.text())?.[1] ?? "";
  const asset = await request.get(world().url + script);
  expect(asset.headers()["cache-control"]).toContain("immutable");
  expect((await request.get(`${world().url}/ui/assets/none.js`)).status()).toBe(404);
});

test("a server with keys asks for one, and shows nothing without", async ({ page }) => {
  await page.goto(`${process.env.PENSTOCK_ASKING}/ui/cluster`);
  const dialog = page.getByRole("dialog", { name: "Key and tenant" });
  await expect(dialog).toContainText("asks who you are");
  await expect(page.locator("table")).toHaveCount(0);
  await dialog.getByLabel(/API key/).fill("wrong");
  await dialog.getByRole("button", { name: "Enter" }).click();
  await expect(page.getByRole("dialog")).toContainText("not known");
  await page
    .getByRole("dialog")
    .getByLabel(/API key/)
    .fill(ADMIN_KEY);
  await page.getByRole("dialog").getByRole("button", { name: "Enter" }).click();
  await expect(page.locator("table[data-kind=partitions] tbody tr")).toHaveCount(4);
  expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain(ADMIN_KEY);
  await page.reload();
  await expect(page.locator("table[data-kind=partitions] tbody tr")).toHaveCount(4);
});

test("a page that asks for what the API does not document is found out", async ({ browser }) => {
  const other = await (await browser.newContext()).newPage();
  await open(other, "/cluster");
  await expect(other.locator("table[data-kind=partitions]")).toBeVisible();
  const heard = complaints(other);
  await other.evaluate(async () => {
    await fetch("/v1/wf-runs?order=newest&state=ERROR");
    await fetch("/v1/workflows");
  });
  const found = heard.filter((one) => one.includes("/v1/wf-runs ") || one.includes("workflows"));
  expect(found).toEqual([
    "GET /v1/wf-runs has no parameter state",
    "there is no GET /v1/workflows",
  ]);
  await other.context().close();
});
