// GraphiQL as a test uses it.

import { expect, type Page } from "@playwright/test";

/** Runs the sample that lists jobs. */
export async function runTheList(page: Page): Promise<void> {
  await page.getByRole("button", { name: "TryList", exact: true }).click();
  // It reads the new text a moment later, and runs an operation by the name that it read last.
  const named = () =>
    page.evaluate(() => {
      const { tabs, activeTabIndex } = JSON.parse(localStorage.getItem("graphiql:tabState") ?? '{"tabs":[]}');
      return tabs[activeTabIndex]?.operationName;
    });
  await expect.poll(named).toBe("TryList");
  await page.getByRole("button", { name: /^Execute query/ }).click();
  await expect(page.getByRole("region", { name: "Result Window" })).toContainText("nodes");
}
