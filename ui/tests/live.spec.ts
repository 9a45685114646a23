// What one browser does, another sees where it stands, without being told to look again.
import type { Page } from "@playwright/test";
import { expect, inAnother, open, put, read, run, test } from "./page";

/** What is looked at, what another browser does, and what has come of it. */
interface Seen {
  path: string;
  before: (page: Page) => Promise<void>;
  doing: (other: Page) => Promise<void>;
  after: (page: Page) => Promise<void>;
}

const rows = (page: Page, kind: string) => page.locator(`table[data-kind=${kind}] tbody tr`);
const NOBODY = "/task-runs?task_def=nobody_does_this";
const taskRunOf = (page: Page, id: string) =>
  rows(page, "task-runs").filter({ has: page.locator(`a[href*="${id}"]`) });

/** Start a run by the form of its workflow; its id. */
async function start(page: Page, spec: string): Promise<string> {
  await open(page, `/workflows/${spec}`);
  await page.getByRole("button", { name: "Run", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Start" }).click();
  await expect(page).toHaveURL(/\/ui\/runs\/.+/);
  return new URL(page.url()).pathname.split("/").at(-1)!;
}

/** How far all partitions have been folded. */
const folded = (page: Page): Promise<number> =>
  rows(page, "partitions")
    .locator("td:nth-child(5)")
    .allTextContents()
    .then((texts) => texts.reduce((sum, one) => sum + Number(one), 0));

async function userTask(): Promise<Seen> {
  const id = await run("purchase", { item: "desk", cents: 100 });
  const waits = async () => (await read(`/v1/wf-runs/${id}/user-task-runs`)).items as unknown[];
  await expect.poll(async () => (await waits()).length).toBe(1);
  const row = (page: Page) => rows(page, "user-tasks").filter({ hasText: id });
  return {
    path: "/user-tasks?tab=all",
    before: (page) => expect(row(page)).toContainText("unassigned"),
    doing: async (other) => {
      await open(other, "/user-tasks?tab=all");
      await row(other).getByRole("button", { name: "Assign" }).click();
      await other.getByRole("dialog").getByLabel("User").fill("heinz");
      await other.getByRole("dialog").getByRole("button", { name: "Assign" }).click();
      await expect(row(other)).toContainText("heinz");
    },
    after: (page) => expect(row(page)).toContainText("heinz"),
  };
}

async function taskRun(): Promise<Seen> {
  let id = "";
  return {
    path: NOBODY,
    before: (page) => expect(page.locator(".live")).toHaveText("live"),
    doing: async (other) => void (id = await start(other, "queued")),
    after: (page) => expect(taskRunOf(page, id)).toHaveCount(1),
  };
}

async function schedule(): Promise<Seen> {
  const schedule_id = "seen-twice";
  await put(
    "/v1/schedules",
    { schedule_id, wf_spec: "until_ready", cron: "0 0 1 1 *", time_zone: "UTC" },
    "POST",
  );
  const row = (page: Page) => rows(page, "schedules").filter({ hasText: schedule_id });
  return {
    path: "/schedules",
    before: (page) => expect(row(page)).toContainText("active"),
    doing: async (other) => {
      await open(other, "/schedules");
      await row(other).getByRole("button", { name: "Pause" }).click();
      await expect(row(other)).toContainText("paused");
    },
    after: (page) => expect(row(page)).toContainText("paused"),
  };
}

/** A spec of one node, and that does nothing. */
function idle(node: string): object {
  const nodes = {
    start: { type: "ENTRYPOINT", edges: [{ to: node }] },
    [node]: { type: "NOP", edges: [{ to: "end" }] },
    end: { type: "EXIT" },
  };
  return { entrypoint: "main", threads: { main: { nodes } } };
}

async function definition(): Promise<Seen> {
  const name = "seen_twice";
  const register = (node: string) => put("/v1/wf-specs?wait=all", { name, spec: idle(node) });
  await register("as_it_was");
  const shown = (page: Page) => page.getByRole("complementary", { name: `Definition ${name}` });
  return {
    path: `/metadata?kind=wf-specs&name=${name}`,
    before: (page) => expect(shown(page)).toContainText(/version:\s*1/),
    doing: async () => void (await register("as_it_is")),
    after: async (page) => {
      await expect(shown(page)).toContainText(/version:\s*2/);
      const row = rows(page, "metadata").filter({ hasText: name });
      await expect(row.locator("td").nth(1)).toHaveText("2");
    },
  };
}

async function partitions(): Promise<Seen> {
  let before = 0;
  return {
    path: "/cluster",
    before: async (page) => {
      await expect(rows(page, "partitions")).not.toHaveCount(0);
      before = await folded(page);
    },
    doing: async (other) => void (await start(other, "until_ready")),
    after: (page) => expect.poll(() => folded(page)).toBeGreaterThan(before),
  };
}

for (const [what, prepared] of [
  ["a user task", userTask],
  ["a task run", taskRun],
  ["a schedule", schedule],
  ["a definition", definition],
  ["the partitions", partitions],
] as const)
  test(`what another browser does is seen of ${what}`, async ({ page, browser }) => {
    const seen = await prepared();
    await open(page, seen.path);
    await seen.before(page);
    await inAnother(browser, seen.doing);
    await seen.after(page);
  });

test("what is being typed stays while the list changes", async ({ page }) => {
  await open(page, NOBODY);
  await page.getByText("More filters").click();
  const field = page.getByLabel("Started by the run");
  await field.fill("half a w");
  const id = await run("queued");
  await expect(taskRunOf(page, id)).toHaveCount(1);
  await expect(field).toHaveValue("half a w");
  await field.press("Enter");
  await expect(page).toHaveURL(/trigger_wf_run_id=half/);
});
