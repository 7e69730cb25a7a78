// GraphiQL as a test uses it.

import { expect, type Page } from "@playwright/test";

/** Chooses one of the samples, by the name of its operation. */
export async function chooseSample(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name, exact: true }).click();
  await expect(page.getByRole("region", { name: "Operation Editor" })).toContainText(name);
  // It reads the new text a moment later, and runs an operation by the name that it read last.
  const named = () =>
    page.evaluate(() => {
      const { tabs, activeTabIndex } = JSON.parse(localStorage.getItem("graphiql:tabState") ?? '{"tabs":[]}');
      return tabs[activeTabIndex]?.operationName;
    });
  await expect.poll(named).toBe(name);
}

/** Runs what is shown with these variables instead of its own. */
export async function runWith(page: Page, variables: object): Promise<void> {
  const editor = page.getByRole("region", { name: "Variables" });
  await editor.getByRole("textbox").focus();
  await page.keyboard.press("ControlOrMeta+A");
  await page.keyboard.press("Backspace");
  await expect(editor.locator(".graphiql-editor:not(.hidden) .view-lines")).not.toContainText(/\w/);
  await page.keyboard.insertText(JSON.stringify(variables));
  await page.getByRole("button", { name: /^Execute query/ }).click();
}

/** Runs the sample that lists jobs. */
export async function runTheList(page: Page): Promise<void> {
  await chooseSample(page, "TryList");
  await page.getByRole("button", { name: /^Execute query/ }).click();
  await expect(page.getByRole("region", { name: "Result Window" })).toContainText("nodes");
}
