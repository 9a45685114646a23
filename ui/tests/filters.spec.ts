// Filters of runs: each narrows the list, stands in the address, and narrows a bulk action alike. An
// address that is not understood shows nothing, so that nothing is done to more than it names.
import type { Page } from "@playwright/test";
import { expect, open, put, read, run, test } from "./page";

const rows = (page: Page) => page.locator("table[data-kind=runs] tbody tr");
const bulk = (page: Page) => page.getByRole("dialog", { name: "Bulk action" });
const statusOf = async (id: string) => (await read(`/v1/wf-runs/${id}`)).status;

const SPEC = "shop.filtered";

/** A spec that sleeps; each version has other nodes, or other variables. */
function spec(nop: boolean, required: string[]): object {
  const edges = (to: string) => [{ to }];
  const nodes = {
    start: { type: "ENTRYPOINT", edges: edges("nap") },
    nap: {
      type: "SLEEP",
      seconds: { from: "VALUE", value: 7200 },
      edges: edges(nop ? "more" : "end"),
    },
    ...(nop ? { more: { type: "NOP", edges: edges("end") } } : {}),
    end: { type: "EXIT" },
  };
  const variables = [
    { name: "key", type: "STR", searchable: true },
    ...required.map((name) => ({ name, type: "STR", required: true })),
  ];
  return { namespace: "shop", entrypoint: "main", threads: { main: { nodes, variables } } };
}

const register = (nop: boolean, required: string[] = []) =>
  put("/v1/wf-specs?wait=all", { name: SPEC, spec: spec(nop, required) });

interface Runs {
  first: string;
  second: string;
  other: string;
  third: string;
}

/** Runs of three versions; all but one have the same key. */
async function runs(key: string): Promise<Runs> {
  await register(false);
  const first = await run(SPEC, { key });
  await register(true);
  const [second, other] = [await run(SPEC, { key }), await run(SPEC, { key: `${key}-other` })];
  await register(true, ["more"]);
  return { first, second, other, third: await run(SPEC, { key, more: "x" }) };
}

test("a filter of versions and variables names the runs of a bulk action, and no others", async ({
  page,
}) => {
  const key = `a:b ${Date.now()}`;
  const of = await runs(key);
  const { version } = await read(`/v1/wf-runs/${of.second}`);
  await open(page, "/runs");
  await page.getByLabel("Workflow", { exact: true }).selectOption(SPEC);
  await page.getByText("More filters").click();
  const variable = page.getByLabel("Add a variable, as name:value");
  await variable.fill(`key:${key}`);
  await variable.press("Enter");
  await expect(page).toHaveURL(/[?&]variable=key/);
  await expect(rows(page)).toHaveCount(3);
  await expect(rows(page).filter({ hasText: of.other })).toHaveCount(0);
  await page.getByLabel("Version", { exact: true }).fill(String(version));
  await page.getByLabel("Version", { exact: true }).press("Enter");
  await expect(rows(page)).toHaveCount(1);
  await page.reload();
  await expect(rows(page)).toHaveCount(1);
  await expect(rows(page)).toContainText(of.second);
  await expect(page.getByRole("button", { name: `key:${key}` })).toBeVisible();
  await page.getByRole("button", { name: "Bulk action" }).click();
  await expect(bulk(page)).toContainText("It is about 1 run:");
  await bulk(page).getByLabel("What is done").selectOption("kill");
  await bulk(page).getByRole("button", { name: "Kill 1 run" }).click();
  await expect(bulk(page)).toContainText("1 of 1 done");
  expect(await statusOf(of.second)).not.toBe("RUNNING");
  for (const id of [of.first, of.other, of.third]) expect(await statusOf(id)).toBe("RUNNING");
});

test("each filter of an address narrows the list and the bulk action, and is kept by a view", async ({
  page,
}) => {
  const key = `k${Date.now()}`;
  const of = await runs(key);
  const newest = await read(`/v1/wf-specs/${SPEC}`);
  const same = `variable=key:${key}`;
  const mine = `wf_spec=${SPEC}&${same}`;
  const among = new URLSearchParams({ wf_spec: SPEC, child_filter: "MAIN" });
  for (const [query, ids] of [
    [mine, [of.first, of.second, of.third]],
    [`${mine}&version=${Number(newest.version) - 1}`, [of.second]],
    [`${mine}&major=${String(newest.major)}&revision=${String(newest.revision)}`, [of.third]],
    [`namespace=shop&q=${of.other}`, [of.other]],
    [`namespace=no.such&q=${of.other}`, []],
    [`${among.toString()}&q=${of.first}&version=${String(newest.version)}`, []],
  ] as const) {
    await open(page, `/runs?${query}`);
    if (ids.length === 0) await expect(page.locator(".empty")).toBeVisible();
    for (const id of ids) await expect(rows(page).filter({ hasText: id })).toHaveCount(1);
    await expect(rows(page)).toHaveCount(ids.length);
    await page.getByRole("button", { name: "Bulk action" }).click();
    const plural = ids.length === 1 ? "run" : "runs";
    await expect(bulk(page)).toContainText(`It is about ${ids.length} ${plural}:`);
  }
  await open(page, `/runs?${mine}&version=${Number(newest.version) - 1}`);
  await page.getByRole("button", { name: "Save this view" }).click();
  const naming = page.getByRole("dialog", { name: "Save this view" });
  await naming.getByLabel("Name").fill("mine");
  await naming.getByRole("button", { name: "Save" }).click();
  await open(page, "/runs");
  await page.getByRole("link", { name: "mine" }).click();
  await expect(rows(page)).toHaveCount(1);
  await expect(page).toHaveURL(new RegExp(`version=${Number(newest.version) - 1}`));
});

test("an address that is not understood shows no list, and nothing can be done to it", async ({
  page,
}) => {
  for (const [query, told, rest] of [
    ["wf_spec=order&variabel=item:x", "variabel is no filter of this page", "?wf_spec=order"],
    ["version=two&wf_spec=order", "version must be a whole number", "?wf_spec=order"],
    ["wf_spec=order&wf_spec=broken", "wf_spec may be there once only", ""],
    ["status=", "status has no value", ""],
    ["within=an-hour", "within must be a number of seconds", ""],
    [
      "within=60&started_before=2026-01-01T00:00:00Z",
      "within does not go with started_after or started_before",
      "?started_before=2026-01-01T00%3A00%3A00Z",
    ],
  ] as const) {
    await open(page, `/runs?${query}`);
    const alert = page.getByRole("alert");
    await expect(alert).toContainText(told);
    await expect(page.locator("table, .loading")).toHaveCount(0);
    await expect(page.getByRole("button", { name: "Bulk action" })).toHaveCount(0);
    await alert.getByRole("link", { name: "Show the page without it" }).click();
    await expect(page.getByRole("heading", { name: "Runs" })).toBeVisible();
    expect(new URL(page.url()).search).toBe(rest);
  }
  await open(page, "/task-runs?wf_speck=order");
  await expect(page.getByRole("alert")).toContainText("wf_speck is no filter of this page");
  // What the API refuses is told in its words.
  for (const [query, told] of [
    ["version=1", "goes with `wf_spec`"],
    ["variable=item:x", "`wf_spec` says whose variable it is"],
    ["wf_spec=order&variable=card:4242", "can not be searched for by variable 'card'"],
  ] as const) {
    await open(page, `/runs?${query}`);
    await expect(page.getByRole("alert")).toContainText(told);
    await expect(rows(page)).toHaveCount(0);
    await page.getByRole("button", { name: "Bulk action" }).click();
    await expect(bulk(page).getByRole("alert")).toBeVisible();
    await expect(bulk(page).locator("button[type=submit]")).toBeDisabled();
  }
});

test("a bulk action on child runs alone is about no others", async ({ page }) => {
  const parent = await run("parent_of", { item: "lantern" });
  const countOf = async (filter: string) =>
    Number((await read(`/v1/counts/wf-runs?${filter}`)).count);
  await expect.poll(() => countOf(`trigger_wf_run_id=${parent}`)).toBe(1);
  const [children, all] = [await countOf("child_filter=CHILD"), await countOf("q=")];
  expect(children).toBeLessThan(all);
  const sent: { filter: object; dry_run: boolean }[] = [];
  page.on("request", (one) => {
    if (one.method() === "POST" && one.url().endsWith("/v1/bulk")) sent.push(one.postDataJSON());
  });
  await open(page, "/runs");
  await page.getByLabel("Child runs").selectOption("Only child runs");
  await page.getByRole("button", { name: "Bulk action" }).click();
  const runs = children === 1 ? "1 run" : `${children} runs`;
  await expect(bulk(page)).toContainText(`It is about ${runs}:`);
  await bulk(page).getByLabel("What is done").selectOption("resume"); // few are halted
  await bulk(page)
    .getByRole("button", { name: `Resume ${runs}` })
    .click();
  await expect(bulk(page)).toContainText(` of ${children} done`);
  expect(sent.map((one) => one.dry_run)).toEqual([true, false]);
  expect(sent[1]?.filter).toEqual(sent[0]?.filter);
  expect(sent[0]?.filter).toEqual({ child_filter: "CHILD", all: true, children: true });
});
