// Each action, seen at once by who did it, and live by who only looks.
import type { Page } from "@playwright/test";
import { expect, inAnother, open, put, read, run, test, world } from "./page";

async function act(page: Page, name: string, fill: Record<string, string> = {}): Promise<void> {
  await page.locator(".actions").getByRole("button", { name: "Actions" }).click();
  await page.getByRole("menuitem", { name, exact: true }).click();
  await submit(page, name, fill);
}

async function submit(page: Page, name: string, fill: Record<string, string> = {}): Promise<void> {
  const dialog = page.getByRole("dialog", { name, exact: true });
  for (const [field, value] of Object.entries(fill)) {
    const found = dialog.getByLabel(field);
    if ((await found.evaluate((one) => one.tagName)) === "SELECT") await found.selectOption(value);
    else await found.fill(value);
  }
  await dialog.getByRole("button", { name, exact: true }).click();
  await expect(dialog).toHaveCount(0);
}

const status = (page: Page) => page.locator(".run-head > .status");

test("a run is started from its form, which says what is wrong", async ({ page }) => {
  await open(page, "/workflows/order");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("item").fill("tea");
  await dialog.getByLabel("count").fill("many");
  await dialog.getByRole("button", { name: "Start" }).click();
  await expect(dialog).toContainText("this is needed");
  await expect(dialog).toContainText("a number is wanted");
  await dialog.getByLabel("card").fill("4242");
  await dialog.getByLabel("count").fill("3");
  await dialog.getByText("Id and labels").click();
  await dialog.getByLabel("Labels").fill("team:tests");
  await dialog.getByRole("button", { name: "Start" }).click();
  await expect(page).toHaveURL(/\/ui\/runs\/.+/);
  await expect(status(page)).toHaveText("completed");
  await expect(page.locator(".run-head")).toContainText("team tests");
});

test("stop, resume, pause, and what another browser sees of it", async ({ page, browser }) => {
  const id = await run("waiting", { key: "k" });
  await open(page, `/runs/${id}`);
  await inAnother(browser, async (other) => {
    await open(other, `/runs/${id}`);
    await expect(status(other)).toHaveText("running");
    await act(page, "Stop");
    await expect(status(page)).toHaveText("halted");
    await expect(page.locator(".waits")).toContainText("stopped by hand");
    await expect(status(other)).toHaveText("halted");
    await act(page, "Resume");
    await expect(status(page)).toHaveText("running");
    await expect(status(other)).toHaveText("running");
    await act(other, "Pause");
    await expect(page.locator(".waits")).toContainText("paused");
    await act(page, "Resume");
    await expect(status(other)).toHaveText("running");
  });
});

test("kill, replay, delete", async ({ page }) => {
  const id = await run("waiting", { key: "k" });
  await open(page, `/runs/${id}`);
  await act(page, "Kill");
  await expect(status(page)).toHaveText(/killed|error/);
  await act(page, "Replay");
  await expect(page).not.toHaveURL(new RegExp(id));
  await expect(page.locator(".run-head")).toContainText(`replay of ${id}`);
  await open(page, `/runs/${id}`);
  await act(page, "Delete");
  await expect(page).toHaveURL(/\/ui\/runs$/);
  await expect(page.getByRole("link", { name: id })).toHaveCount(0);
});

test("rescue leaves the failed node out", async ({ page }) => {
  const id = await run("broken", { message: "no" });
  await open(page, `/runs/${id}`);
  await expect(status(page)).toHaveText("error");
  await page.getByRole("button", { name: "Rescue" }).click();
  await submit(page, "Rescue", { "Leave the failed node out": "true" });
  await expect(status(page)).toHaveText("completed");
});

test("a restart of a run that has failed is tried again, and told", async ({ page }) => {
  const id = await run("broken", { message: "no" });
  await open(page, `/runs/${id}`);
  await expect(status(page)).toHaveText("error");
  await act(page, "Restart");
  await open(page, `/runs/${id}?tab=story`);
  await expect(page.locator(".story")).toContainText("did RestartWfRun");
});

test("a variable is edited, and the run goes on by it", async ({ page }) => {
  const id = await run("until_ready");
  await open(page, `/runs/${id}?tab=variables`);
  await page.getByRole("button", { name: "Edit ready" }).click();
  await submit(page, "Edit a variable", { Value: "true" });
  await expect(status(page)).toHaveText("completed");
  await expect(page.locator("table[data-kind=variables]")).toContainText("true");
});

/** A spec that sleeps, and has nodes behind that; maybe a limit of its runs. */
function asleep(behind: string[], limit?: { most: number }): object {
  const edges = (to: string) => [{ to }];
  const nodes: Record<string, object> = {
    start: { type: "ENTRYPOINT", edges: edges("nap") },
    nap: {
      type: "SLEEP",
      seconds: { from: "VALUE", value: 7200 },
      edges: edges(behind[0] ?? "end"),
    },
    end: { type: "EXIT" },
  };
  behind.forEach((name, at) => {
    nodes[name] = { type: "NOP", edges: edges(behind[at + 1] ?? "end") };
  });
  return { entrypoint: "main", threads: { main: { nodes } }, ...(limit ? { limit } : {}) };
}

test("a run goes on in another version of its workflow", async ({ page }) => {
  await put("/v1/wf-specs?wait=all", { name: "moves", spec: asleep([]) });
  const id = await run("moves");
  await put("/v1/wf-specs?wait=all", { name: "moves", spec: asleep(["more"]) });
  await open(page, `/runs/${id}`);
  await expect(page.locator(".run-head .facts")).toContainText("moves v1");
  await act(page, "Migrate", { Version: "2" });
  await expect(page.locator(".run-head .facts")).toContainText("moves v2");
});

test("a run that waits for a place is let go ahead", async ({ page }) => {
  await put("/v1/wf-specs?wait=all", { name: "narrow", spec: asleep([], { most: 1 }) });
  const ids = [await run("narrow"), await run("narrow")];
  const isHeld = async (id: string) => (await read(`/v1/wf-runs/${id}`)).held === true;
  let held = "";
  await expect(async () => {
    held = "";
    for (const id of ids) if (await isHeld(id)) held = id;
    expect(held).not.toBe("");
  }).toPass({ timeout: 30_000 });
  await open(page, `/runs/${held}`);
  await expect(status(page)).toHaveText("waits for a place");
  await act(page, "Let go ahead");
  await expect(status(page)).toHaveText("running");
});

test("skip, labels", async ({ page }) => {
  const id = await run("queued");
  await open(page, `/runs/${id}`);
  await act(page, "Set labels", { Labels: '{"team": "night"}' });
  await expect(page.locator(".run-head")).toContainText("team night");
  await act(page, "Skip a node");
  await expect(status(page)).toHaveText("completed");
});

test("a task: retry now, restart, stop, change of state", async ({ page }) => {
  const retrying = await run("retrying");
  await open(page, `/runs/${retrying}`);
  await expect(page.locator(".waits")).toContainText("attempt 1 of 5");
  await page.locator(".waits").getByRole("button", { name: "Show" }).click();
  await page.getByRole("complementary").getByRole("button", { name: "Retry now" }).click();
  await submit(page, "Retry now");
  await expect(page.locator(".waits")).toContainText("attempt 2 of 5");
  await page
    .getByRole("complementary")
    .getByRole("button", { name: "Change the task's state" })
    .click();
  await submit(page, "Change the task's state", { State: "TASK_SUCCESS", Output: '"by hand"' });
  await expect(status(page)).toHaveText("completed");

  const hauling = await run("hauling");
  await open(page, `/runs/${hauling}`);
  await expect(page.locator(".waits")).toContainText("does long_haul");
  await page.locator(".waits").getByRole("button", { name: "Show" }).click();
  await page.getByRole("complementary").getByRole("button", { name: "Restart the task" }).click();
  await submit(page, "Restart the task", { "Grace in ms": "0" });
  await expect(
    page.getByRole("complementary").getByRole("button", { name: "attempt 2" }),
  ).toBeVisible();
  await page.getByRole("complementary").getByRole("button", { name: "Stop the task" }).click();
  await submit(page, "Stop the task", { "Grace in ms": "0" });
  await expect(status(page)).toHaveText("error");
});

test("logs come as they are written", async ({ page }) => {
  const id = await run("order", { item: "ink", card: "1" });
  await open(page, `/runs/${id}?tab=logs`);
  await expect(page.locator(".log-line").first()).toContainText("looking for 1 of ink");
  await expect(page.locator(".log-line", { hasText: "attempt 2: charging" })).toBeVisible();
  await page.getByLabel("Search lines").fill("attempt");
  await expect(page.locator(".log-line")).toHaveCount(2);
  await page.locator(".log-line").first().click();
  const whole = page.getByRole("dialog", { name: /A line of .*charge_card/ });
  await expect(whole).toContainText("attempt 1: charging 4200 cents");
  await page.keyboard.press("Escape");
  await expect(whole).toHaveCount(0);
});

test("a form is claimed, saved, commented on and completed", async ({ page }) => {
  const id = await run("purchase", { item: "desk", cents: 100 });
  await open(page, `/runs/${id}`);
  await page.getByRole("link", { name: "Open the form" }).click();
  await page.getByLabel("You are").fill("ann");
  await page.getByRole("button", { name: "Claim" }).click();
  await expect(page.locator(".head .status")).toHaveText("assigned");
  await page.getByLabel("note").fill("looks good");
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.locator(".story")).toContainText("saved");
  await page.getByLabel("A comment").fill("<b>fine</b>");
  await page.getByRole("button", { name: "Comment", exact: true }).click();
  await expect(page.getByText("<b>fine</b>")).toBeVisible();
  await page.getByLabel("agreed").selectOption("true");
  await page.getByRole("button", { name: "Complete" }).click();
  await expect(page.locator(".head .status")).toHaveText("done");
  await open(page, `/runs/${id}`);
  await expect(status(page)).toHaveText("completed");
});

test("a new run appears in the list by itself", async ({ page }) => {
  await open(page, "/runs");
  await expect(page.locator("table[data-kind=runs] tbody tr").first()).toBeVisible();
  const id = await run("queued");
  await expect(page.getByRole("link", { name: id })).toBeVisible();
  expect(world().url).toBeTruthy();
});
