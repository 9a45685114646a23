// Lists: saved views, one verb on many runs, what waits in queues, definitions of every kind.
import { expect, open, put, run, test } from "./page";

test("a view is saved, found again, and forgotten", async ({ page }) => {
  await open(page, "/runs?status=ERROR");
  await page.getByRole("button", { name: "Save this view" }).click();
  const dialog = page.getByRole("dialog", { name: "Save this view" });
  await dialog.getByLabel("Name").fill("<b>broken ones</b>");
  await dialog.getByRole("button", { name: "Save" }).click();
  const views = page.getByRole("group", { name: "Saved views" });
  await expect(views.getByRole("link", { name: "<b>broken ones</b>" })).toBeVisible();
  await expect(page.getByRole("button", { name: "Save this view" })).toHaveCount(0);
  await open(page, "/runs");
  await views.getByRole("link", { name: "<b>broken ones</b>" }).click();
  await expect(page).toHaveURL(/status=ERROR/);
  const rows = page.locator("table[data-kind=runs] tbody tr");
  await expect(rows.filter({ hasText: "broken" }).first()).toContainText("error");
  await views.getByRole("button", { name: "Forget the view" }).click();
  await expect(views.getByRole("link")).toHaveCount(0);
});

test("one verb is done to many runs, which are counted first", async ({ page }) => {
  const ids = [await run("queued"), await run("queued"), await run("waiting", { key: "k" })];
  for (const id of ids)
    await put(`/v1/wf-runs/${id}/actions/set-labels`, { labels: { shift: "night" } }, "POST");
  await open(page, "/runs");
  await expect(page.getByRole("button", { name: "Bulk action" })).toBeDisabled();
  await open(page, "/runs?label=shift:night");
  await expect(page.locator("table[data-kind=runs] tbody tr")).toHaveCount(3);
  await page.getByRole("button", { name: "Bulk action" }).click();
  const dialog = page.getByRole("dialog", { name: "Bulk action" });
  await expect(dialog).toContainText("It is about 3 runs");
  await dialog.getByLabel("What is done").selectOption("pause");
  await dialog.getByRole("button", { name: "Pause 3 runs" }).click();
  await expect(dialog).toContainText("3 of 3 done");
  await dialog.getByLabel("What is done").selectOption("restart");
  await dialog.getByRole("button", { name: "Restart 3 runs" }).click();
  await expect(dialog).toContainText("0 of 3 done, 3 refused");
  await dialog.locator("footer").getByRole("button", { name: "Close" }).click();
  const halted = page.locator("table[data-kind=runs] tbody tr", { hasText: /halt(ed|ing)/ });
  await expect(halted).toHaveCount(3);
});

test("the words of the search are those of the job", async ({ page }) => {
  const id = await run("until_ready");
  await open(page, `/runs?q=${id}`);
  await page.getByRole("button", { name: "Bulk action" }).click();
  const dialog = page.getByRole("dialog", { name: "Bulk action" });
  await expect(dialog).toContainText("It is about 1 run:");
  await dialog.getByLabel("What is done").selectOption("kill");
  await dialog.getByRole("button", { name: "Kill 1 run" }).click();
  await expect(dialog).toContainText("1 of 1 done");
});

test("a queue says how deep and how old it is", async ({ page }) => {
  await run("queued");
  await open(page, "/queues?task_def=nobody_does_this");
  const row = page.locator("table[data-kind=queues] tbody tr");
  await expect(row).toHaveCount(1);
  const waiting = row.locator("td").nth(1);
  await expect(waiting).toHaveText(/^[1-9]\d*$/);
  await expect(row.locator("td").nth(2)).toHaveText(/ (ms|s|min)/);
  const before = Number(await waiting.textContent());
  await run("queued");
  await expect(waiting).toHaveText(String(before + 1));
});

test("who works on a queue is told, and what they have at work", async ({ page }) => {
  await open(page, "/queues?task_def=long_haul");
  await page.getByRole("button", { name: "Workers of long_haul" }).click();
  const workers = page.getByRole("complementary", { name: "Workers of long_haul" });
  const row = workers.locator("tbody tr", { hasText: "world-worker" });
  await expect(row).toContainText(/[1-9]\d* for up to \d/);
  await expect(page).toHaveURL(/queue=long_haul/);
  await workers.getByRole("button", { name: "Close" }).click();
  await expect(workers).toHaveCount(0);
  await open(page, "/queues?task_def=nobody_does_this&queue=nobody_does_this");
  await expect(page.getByRole("complementary")).toContainText("Nobody has asked for its tasks");
  const count = page.locator("table[data-kind=queues] td").nth(3);
  await expect(count).toHaveText("0");
  await expect(count.getByRole("button")).toHaveClass(/bad/);
});

test("an address shows a definition that the list does not reach", async ({ page }) => {
  await page.route(/\/v1\/wf-specs\?limit=/, (route) => {
    const url = route
      .request()
      .url()
      .replace(/limit=\d+/, "limit=1"); // as if there were so many
    return route.continue({ url });
  });
  await open(page, "/metadata?kind=wf-specs&name=purchase");
  const rows = page.locator("table[data-kind=metadata] tbody tr");
  await expect(rows).toHaveCount(1);
  await expect(rows).not.toContainText("purchase");
  await expect(page.getByRole("complementary")).toContainText("created_at");
  await open(page, "/metadata?kind=wf-specs&name=nobody");
  await expect(page.getByRole("complementary").getByRole("alert")).toContainText("SPEC_UNKNOWN");
});

test("definitions of every kind are listed and shown", async ({ page }) => {
  await put("/v1/struct-defs?wait=all", { name: "person", fields: [{ name: "age", type: "INT" }] });
  await open(page, "/metadata");
  await page.getByRole("button", { name: "charge_card" }).click();
  await expect(page.getByRole("complementary")).toContainText("input_vars");
  for (const [tab, name] of [
    ["Workflows", "purchase"],
    ["Forms", "approve"],
    ["Events taken", "paid"],
    ["Structs", "person"],
  ] as const) {
    await page.getByRole("tab", { name: tab }).click();
    await expect(page.getByRole("complementary")).toHaveCount(0);
    await page.getByRole("button", { name, exact: true }).click();
    await expect(page.getByRole("complementary")).toContainText("created_at");
    await page.reload();
    await expect(page.getByRole("complementary")).toContainText(name);
  }
  await page.getByRole("tab", { name: "Webhooks" }).click();
  await expect(page.locator(".empty")).toBeVisible();
});
