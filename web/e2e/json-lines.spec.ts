// A line of a log that is JSON is one line of text until a reader opens it.

import type { Page } from "@playwright/test";
import { drawn } from "./support/busy";
import { Gate } from "./support/kinds";
import { expect, test } from "./support/test";

const lines = (page: Page) => page.getByRole("region", { name: "Lines of the log" });
/** How far below the upper edge of the log a line begins, and how high it is. */
const place = (page: Page, number: number) =>
  lines(page).evaluate((log, wanted) => {
    const line = [...log.querySelectorAll(".log-line")].find(
      (one) => one.querySelector(".log-number")?.textContent === wanted,
    );
    const { top = Number.NaN, height = Number.NaN } = line?.getBoundingClientRect() ?? {};
    return { top: Math.round(top - log.getBoundingClientRect().top), height: Math.round(height) };
  }, String(number));

const ROW_PX = 20;
const hostile =
  '{"level":"info","n":12345678901234567890,"text":"<img src=x onerror=alert(1)>","list":[1,{"deep":"needle"}]}';
const laid = [
  "{",
  '  "level": "info",',
  '  "n": 12345678901234567890,',
  '  "text": "<img src=x onerror=alert(1)>",',
  '  "list": [',
  "    1,",
  "    {",
  '      "deep": "needle"',
  "    }",
  "  ]",
  "}",
].join("\n");

test("a line of JSON is opened by keyboard, laid out as text, and what follows makes room", async ({
  page,
  server,
}) => {
  const script = `echo first; echo '${hostile}'; echo '{no: json}'; seq 300`;
  const id = await server.startJob("script", { script });
  expect(await server.ended(id)).toBe(0);
  await page.goto(`/jobs/${id}#L2`);
  const button = page.getByRole("button", { name: "JSON of line 2", exact: true });
  await expect(button).toHaveAttribute("aria-expanded", "false");
  await expect(lines(page).locator(".log-expand")).toHaveCount(1);
  // Where it was led to by the address: at the beginning.
  await expect.poll(async () => (await place(page, 1)).top).toBeLessThan(ROW_PX);
  await drawn(page);
  const before = await place(page, 3);
  await button.focus();
  await page.keyboard.press("Enter");
  await expect(button).toHaveAttribute("aria-expanded", "true");
  const json = lines(page).locator(".log-json");
  expect(await json.textContent()).toBe(laid);
  await expect(lines(page).locator("img")).toHaveCount(0);
  // Its line stays, and those below it move by what it needs.
  const height = 12 * ROW_PX;
  await expect.poll(() => place(page, 2)).toEqual({ top: before.top - ROW_PX, height });
  await expect.poll(() => place(page, 3)).toEqual({ top: before.top - ROW_PX + height, height: ROW_PX });
  // What is searched for is marked in both.
  await page.getByRole("searchbox", { name: "Search the log" }).fill("needle");
  await expect(lines(page).locator("mark")).toHaveText(["needle", "needle"]);
  await expect(json.locator("mark")).toHaveText(["needle"]);
  // It stays open while it can't be seen.
  await lines(page).evaluate((log) => log.scrollTo({ top: log.scrollHeight }));
  await expect(lines(page)).toContainText("300");
  await expect(json).toHaveCount(0);
  await lines(page).evaluate((log) => log.scrollTo({ top: 0 }));
  await expect(json).toHaveCount(1);
  await button.click();
  await expect(json).toHaveCount(0);
  const below = async () => (await place(page, 3)).top - (await place(page, 2)).top;
  await expect.poll(below).toBe(ROW_PX);
});

test("whoever opens the last line of a log that goes on stays at it", async ({ page, server }) => {
  const gate = await Gate.make(server, "gate");
  const id = await server.startJob("gated", { pipe: gate.path });
  await gate.print(`${"a line\n".repeat(100)}${hostile}\n`);
  await page.goto(`/jobs/${id}`);
  const button = page.getByRole("button", { name: "JSON of line 101", exact: true });
  await expect(button).toBeVisible();
  const isAtEnd = () =>
    lines(page).evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight < 1);
  await expect.poll(isAtEnd).toBe(true);
  await drawn(page);
  const before = await place(page, 101);
  await button.click();
  await expect(lines(page).locator(".log-json")).toBeVisible();
  await expect(page.getByRole("button", { name: "Follow", exact: true })).toHaveAttribute(
    "aria-pressed",
    "false",
  );
  await expect.poll(() => place(page, 101)).toEqual({ top: before.top, height: 12 * ROW_PX });
});
