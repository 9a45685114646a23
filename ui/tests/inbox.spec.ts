// The inbox of user tasks: whose they are, given to others, taken and given back.
import type { Locator, Page } from "@playwright/test";
import { expect, open, put, read, run, test } from "./page";

const row = (page: Page, id: string): Locator =>
  page.locator("table[data-kind=user-tasks] tbody tr", { hasText: id });

async function iAm(page: Page, user: string, groups: string): Promise<void> {
  await page.getByLabel("You are").fill(user);
  await page.getByLabel("You are").press("Enter");
  await page.getByLabel("of groups").fill(groups);
  await page.getByLabel("of groups").press("Enter");
}

/** The user task of a new purchase; its run. */
async function asked(): Promise<{ id: string; path: string }> {
  const id = await run("purchase", { item: "desk", cents: 100 });
  for (;;) {
    const [task] = (await read(`/v1/wf-runs/${id}/user-task-runs`)).items as { id: string }[];
    if (task) return { id, path: `/v1/user-task-runs/${task.id}` };
  }
}

test("mine, my groups, unassigned: a task is claimed and released where it stands", async ({
  page,
}) => {
  const { id } = await asked();
  const other = await asked();
  await put(`${other.path}/actions/assign`, { user_group: "sellers" }, "POST");
  await open(page, "/user-tasks?tab=mine");
  await expect(page.locator(".empty")).toContainText("Who are you?");
  await page.getByRole("tab", { name: "My groups" }).click();
  await expect(page.locator(".empty")).toContainText("Which are your groups?");
  await iAm(page, "maria", "buyers");
  await expect(row(page, id)).toContainText("unassigned");
  await expect(row(page, other.id)).toHaveCount(0);
  await iAm(page, "maria", "buyers, sellers");
  await expect(row(page, other.id)).toContainText("sellers");
  await row(page, id).getByRole("button", { name: "Claim" }).click();
  await expect(row(page, id)).toContainText("maria");
  await page.getByRole("tab", { name: "Unassigned" }).click();
  await expect(row(page, other.id)).toBeVisible();
  await expect(row(page, id)).toHaveCount(0);
  await page.getByRole("tab", { name: "Mine" }).click();
  await expect(row(page, id)).toContainText("assigned");
  await expect(row(page, other.id)).toHaveCount(0);
  await page.reload(); // who I am is known in this tab
  await expect(page.getByLabel("You are")).toHaveValue("maria");
  await row(page, id).getByRole("button", { name: "Release" }).click();
  await expect(row(page, id)).toHaveCount(0);
  await page.getByRole("tab", { name: "All" }).click();
  await expect(row(page, id)).toContainText("unassigned");
});

test("a task is assigned to a user, taken from that one, and given to a group", async ({
  page,
}) => {
  const { id, path } = await asked();
  await open(page, "/user-tasks?tab=all");
  await row(page, id).getByRole("button", { name: "Assign" }).click();
  const dialog = page.getByRole("dialog", { name: "Assign approve" });
  await expect(dialog.getByLabel("Group")).toHaveValue("buyers");
  await dialog.getByLabel("User").fill("nina");
  await dialog.getByRole("button", { name: "Assign" }).click();
  await expect(dialog).toHaveCount(0);
  await expect(row(page, id)).toContainText("nina");
  await row(page, id).getByRole("link", { name: "approve" }).click();
  await page.getByRole("button", { name: "Assign" }).click();
  await dialog.getByLabel("User").fill("omar");
  await expect(dialog).toContainText("It is taken from nina.");
  await dialog.getByRole("button", { name: "Assign" }).click();
  await expect(dialog).toHaveCount(0);
  await expect(page.locator(".facts")).toContainText("omar");
  await page.getByRole("button", { name: "Assign" }).click();
  await dialog.getByLabel("User").fill("");
  await dialog.getByLabel("Group").fill("x".repeat(2000)); // more than a name may have
  await dialog.getByRole("button", { name: "Assign" }).click();
  await expect(dialog.getByRole("alert")).toContainText("user_group");
  await dialog.getByLabel("Group").fill("sellers");
  await dialog.getByRole("button", { name: "Assign" }).click();
  await expect(dialog).toHaveCount(0);
  expect(await read(path)).toMatchObject({ user_id: null, user_group: "sellers" });
});

test("a task is not cancelled before that was asked twice", async ({ page }) => {
  const { id, path } = await asked();
  await open(page, `/runs/${id}`);
  await page.getByRole("link", { name: "Open the form" }).click();
  await page.getByRole("button", { name: "Cancel the task" }).click();
  const dialog = page.getByRole("dialog", { name: "Cancel the task" });
  await dialog.getByRole("button", { name: "Leave it" }).click();
  expect(await read(path)).toMatchObject({ status: "UNASSIGNED" });
  await page.getByRole("button", { name: "Cancel the task" }).click();
  await dialog.getByRole("button", { name: "Cancel it" }).click();
  await expect(page.locator(".head .status")).toHaveText("cancelled");
});

test("one changes and takes back what one has said, and not what others have", async ({ page }) => {
  const { id, path } = await asked();
  await put(`${path}/comments`, { user_id: "nina", text: "hurry up" }, "POST");
  await open(page, `/runs/${id}`);
  await page.getByRole("link", { name: "Open the form" }).click();
  await expect(page.locator(".comment")).toContainText("hurry up");
  await expect(page.getByRole("button", { name: "Change the comment" })).toHaveCount(0);
  await page.getByLabel("You are").fill("maria");
  await page.getByLabel("A comment").fill("it is to dear");
  await page.getByRole("button", { name: "Comment", exact: true }).click();
  const mine = page.locator(".comment", { hasText: "maria" });
  await expect(mine).toContainText("it is to dear");
  await mine.getByRole("button", { name: "Change the comment" }).click();
  await mine.getByLabel("The comment", { exact: true }).fill("it is too dear");
  await mine.getByRole("button", { name: "Change", exact: true }).click();
  await expect(mine).toContainText("it is too dear");
  await expect(mine).toContainText("changed");
  await mine.getByRole("button", { name: "Take the comment back" }).click();
  await expect(mine).toHaveCount(0);
  await expect(page.locator(".comment")).toHaveCount(1);
});
