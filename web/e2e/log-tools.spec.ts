// What a reader does with a log: search it, link to a line of it, wrap it, see when and where lines came from.

import type { Page } from "@playwright/test";
import { drawn } from "./support/busy";
import { longestTask } from "./support/frames";
import { Gate } from "./support/kinds";
import { ms, report } from "./support/report";
import { expect, test } from "./support/test";

const lines = (page: Page) => page.getByRole("region", { name: "Lines of the log" });
const search = (page: Page) => page.getByRole("searchbox", { name: "Search the log" });
/** Lines that are in the part which can be seen. */
const visible = (page: Page, selector: string) =>
  lines(page).evaluate((log, wanted) => {
    const { top, bottom } = log.getBoundingClientRect();
    return [...log.querySelectorAll(wanted)]
      .map((one) => one.closest(".log-line") ?? one)
      .filter(
        (line) =>
          line.getBoundingClientRect().top >= top - 1 && line.getBoundingClientRect().bottom <= bottom + 1,
      )
      .map((line) => line.querySelector(".log-number")?.textContent ?? "");
  }, selector);

test("what is searched for is counted over the whole log, marked, and gone through", async ({
  page,
  server,
}) => {
  // More than the page holds: the first is far above what is read at once.
  const script =
    "echo 'the first Needle'; seq 30000; printf 'a \\033[31mnee\\033[1mdle\\033[0m in colours\\n'; seq 10; echo NEEDLE needle";
  const id = await server.startJob("script", { script });
  expect(await server.ended(id)).toBe(0);
  await page.goto(`/jobs/${id}`);
  await expect(lines(page)).toContainText("NEEDLE needle");
  await page.keyboard.press("/");
  await expect(search(page)).toBeFocused();
  await page.keyboard.type("needle");
  const found = page.locator(".log-found[role=status]");
  await expect(found).toHaveText("3 lines");
  await expect(lines(page).locator("mark")).toHaveText(["nee", "dle", "NEEDLE", "needle"]);
  await page.keyboard.press("Enter");
  await expect(found).toHaveText(/ of 3 lines$/);
  await page.getByRole("button", { name: "Next match" }).click();
  await page.getByRole("button", { name: "Next match" }).click();
  await page.getByRole("button", { name: "Next match" }).click();
  await expect(found).toHaveText(/ of 3 lines$/);
  // To the first from wherever it is: the page goes there, and marks it.
  await expect(async () => {
    await page.getByRole("button", { name: "Next match" }).click();
    await expect(found).toHaveText("1 of 3 lines", { timeout: 1_000 });
  }).toPass();
  await expect(lines(page).locator(".is-current")).toContainText("the first Needle");
  await expect.poll(() => visible(page, ".is-current")).toEqual(["1"]);
  // By keys, around the end.
  await page.getByRole("heading", { level: 1 }).click();
  await page.keyboard.press("Shift+N");
  await expect(found).toHaveText("3 of 3 lines");
  await expect(lines(page).locator(".is-current")).toContainText("NEEDLE needle");
  await page.keyboard.press("n");
  await expect(found).toHaveText("1 of 3 lines");
  // A capital letter makes case matter.
  await search(page).fill("NEEDLE");
  await expect(found).toHaveText("1 line");
  await page.getByRole("button", { name: "Regular expression" }).click();
  await search(page).fill("needle|Needle");
  await expect(found).toHaveText("3 lines");
  await search(page).fill("needle in \\w+s$");
  await expect(found).toHaveText("1 line");
  await search(page).fill("needle(");
  await expect(found).toHaveText(/Unterminated group/);
  await expect(search(page)).toHaveAttribute("aria-invalid", "true");
  await search(page).fill("");
  await expect(found).toHaveText("");
  await expect(lines(page).locator("mark")).toHaveCount(0);
});

test("an expression that would take for ever leaves the page as quick as it was", async ({
  page,
  server,
}) => {
  const id = await server.startJob("script", { script: "echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!" });
  expect(await server.ended(id)).toBe(0);
  await page.goto(`/jobs/${id}`);
  await page.getByRole("button", { name: "Regular expression" }).click();
  await search(page).fill("(a+)+b");
  await expect(page.locator(".log-found[role=status]")).toHaveText("The expression takes too long.");
  await search(page).fill("a+!");
  await expect(page.locator(".log-found[role=status]")).toHaveText("1 line");
});

test("what is printed while it is searched is found too", async ({ page, server }) => {
  const gate = await Gate.make(server, "gate");
  const id = await server.startJob("gated", { pipe: gate.path });
  await gate.print("one needle\n");
  await page.goto(`/jobs/${id}`);
  await search(page).fill("needle");
  const found = page.locator(".log-found[role=status]");
  await expect(found).toHaveText("1 line");
  await gate.print("hay\nanother needle\n");
  await expect(found).toHaveText("2 lines");
  await gate.close();
});

test("a number is a link to its line, and a link shows its lines wherever they are", async ({
  page,
  server,
  context,
}) => {
  const id = await server.startJob("script", { script: "seq -f 'line %.0f' 60000" });
  expect(await server.ended(id)).toBe(0);
  await page.goto(`/jobs/${id}`);
  await lines(page).getByRole("link", { name: "Line 59990" }).click();
  await expect(page).toHaveURL(/#L59990$/);
  await expect(lines(page).locator(".is-linked")).toHaveText(/line 59990$/);
  await lines(page)
    .getByRole("link", { name: "Line 59993" })
    .click({ modifiers: ["Shift"] });
  await expect(page).toHaveURL(/#L59990-L59993$/);
  await expect(lines(page).locator(".is-linked")).toHaveCount(4);
  // By keys: j and k go through the lines, Enter takes one.
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/#L59994$/);

  for (const [hash, number] of [
    ["L1", "1"],
    ["L20000-L20002", "20000"],
    ["L59000", "59000"],
  ] as const) {
    const other = await context.newPage();
    await other.goto(`/jobs/${id}#${hash}`);
    await expect(lines(other).locator(".is-linked").first()).toHaveText(
      new RegExp(`^${number}line ${number}$`),
    );
    await expect.poll(async () => (await visible(other, ".is-linked"))[0]).toBe(number);
    await expect(other.getByRole("button", { name: "To the end" })).toBeVisible();
    await other.getByRole("button", { name: "To the end" }).click();
    await expect(lines(other)).toContainText("line 60000");
    await other.close();
  }
  await page.goto(`/jobs/${id}#L60001`);
  await expect(page.getByText("Line 60,001 is not in the log: it ends before.")).toBeVisible();
  await expect(lines(page)).toContainText("line 60000");
});

test("long lines are wrapped, and the reader stays at the line where they were", async ({ page, server }) => {
  const long =
    "'word word word word word word word word word word word word word word word word word word word'";
  const id = await server.startJob("script", { script: `for i in $(seq 400); do echo "$i" ${long}; done` });
  expect(await server.ended(id)).toBe(0);
  await page.setViewportSize({ width: 600, height: 800 });
  await page.goto(`/jobs/${id}`);
  const row = (number: number) =>
    lines(page).locator(".log-line", {
      has: page.getByRole("link", { name: `Line ${number}`, exact: true }),
    });
  const height = (number: number) => row(number).evaluate((line) => line.getBoundingClientRect().height);
  await expect(row(400)).toBeVisible();
  await expect.poll(() => height(400)).toBe(20);
  const wrap = page.getByRole("button", { name: "Wrap" });
  await wrap.click();
  await expect(wrap).toHaveAttribute("aria-pressed", "true");
  await expect.poll(() => height(400)).toBeGreaterThan(20);
  // The end stays in sight, and nothing of the line is beyond the edge.
  await expect.poll(() => visible(page, ".log-line")).toContain("400");
  expect(await lines(page).evaluate((log) => log.scrollWidth - log.clientWidth)).toBe(0);
  // No line lies over another.
  const overlaps = () =>
    lines(page).evaluate((log) => {
      const boxes = [...log.querySelectorAll(".log-line")].map((line) => line.getBoundingClientRect());
      boxes.sort((a, b) => a.top - b.top);
      return boxes.filter((box, index) => index > 0 && box.top < (boxes[index - 1]?.bottom ?? 0) - 1).length;
    });
  await expect.poll(overlaps).toBe(0);
  await page.goto(`/jobs/${id}#L200`);
  await expect(row(200)).toBeVisible();
  await expect.poll(() => visible(page, ".is-linked")).toEqual(["200"]);
  await expect.poll(overlaps).toBe(0);
  // It is kept for the next job, too.
  await expect(wrap).toHaveAttribute("aria-pressed", "true");
  await wrap.click();
  await expect.poll(() => height(200)).toBe(20);
});

test("one stream alone, live, and its download", async ({ page, server }) => {
  const script = "echo out 1; echo bad 1 >&2; echo out 2; echo bad 2 >&2";
  const id = await server.startJob("script", { script });
  expect(await server.ended(id)).toBe(0);
  await page.goto(`/jobs/${id}`);
  await expect(lines(page)).toContainText("out 2");
  await page.getByLabel("Shown of the log").selectOption("Standard error");
  await expect(lines(page).locator(".log-line")).toHaveCount(2);
  await expect(lines(page)).not.toContainText("out");
  await expect(lines(page)).not.toContainText("left out");
  const waiting = page.waitForEvent("download");
  await page.getByRole("link", { name: "Download stderr" }).click();
  const download = await waiting;
  expect(download.suggestedFilename()).toBe(`${id}.stderr`);
  const chunks: Buffer[] = [];
  for await (const chunk of await download.createReadStream()) {
    chunks.push(chunk as Buffer);
  }
  expect(Buffer.concat(chunks).toString()).toBe("bad 1\nbad 2\n");
});

test("the first error is found above all that the page holds, marked and linked to", async ({
  page,
  server,
}) => {
  const script =
    "seq 3000; echo '2026 ERROR the cause'; seq 30000; echo 'WARN its effect'; echo 'ERROR later'";
  const id = await server.startJob("script", { script });
  expect(await server.ended(id)).toBe(0);
  await page.goto(`/jobs/${id}`);
  await expect(lines(page).locator(".is-error")).toHaveText("ERROR later");
  await expect(lines(page).locator(".is-warning")).toHaveText("WARN its effect");
  await page.getByRole("button", { name: "First error" }).click();
  await expect(page.getByText("Line 3,001.")).toBeVisible();
  await expect(lines(page).locator(".is-linked")).toContainText("ERROR the cause");
  await expect.poll(() => visible(page, ".is-linked")).toEqual(["3001"]);
  await expect(page).toHaveURL(/#L3001$/);
});

test("without a line that tells an error the first on standard error stands for it", async ({
  page,
  server,
}) => {
  const id = await server.startJob("script", { script: "echo fine; echo odd >&2" });
  expect(await server.ended(id)).toBe(0);
  const well = await server.startJob("script", { script: "echo fine" });
  expect(await server.ended(well)).toBe(0);
  await page.goto(`/jobs/${id}`);
  await page.getByRole("button", { name: "First error" }).click();
  await expect(
    page.getByText(/^No line tells an error. Line \d is the first on standard error.$/),
  ).toBeVisible();
  await expect(lines(page).locator(".is-linked")).toContainText("odd");
  await page.goto(`/jobs/${well}`);
  await page.getByRole("button", { name: "First error" }).click();
  await expect(page.getByText("No line tells an error.", { exact: true })).toBeVisible();
});

test("times stand beside the lines, by the clock, since the start, since the line before", async ({
  page,
  server,
}) => {
  const id = await server.startJob("script", { script: "echo one; echo two" });
  expect(await server.ended(id)).toBe(0);
  await page.goto(`/jobs/${id}`);
  await expect(lines(page)).toContainText("two");
  const times = lines(page).locator(".log-time");
  await expect(times).toHaveCount(0);
  const choice = page.getByLabel("Times of the lines");
  await choice.selectOption("Time of day");
  await expect(times.first()).toHaveText(/^\d\d:\d\d:\d\d\.\d{3}$/);
  await choice.selectOption("Since the start");
  await expect(times.first()).toHaveText(/^\+[\d.]+ m?s$/);
  await choice.selectOption("Since the line before");
  await expect(times.first()).toHaveText("");
  await expect(times.last()).toHaveText(/^\+[\d.]+ m?s$/);
});

test("whoever stops following stays, whatever comes, and follows again", async ({ page, server }) => {
  const gate = await Gate.make(server, "gate");
  const id = await server.startJob("gated", { pipe: gate.path });
  await gate.print(Array.from({ length: 100 }, (_, i) => `early ${i}\n`).join(""));
  await page.goto(`/jobs/${id}`);
  await expect(lines(page)).toContainText("early 99");
  const follow = page.getByRole("button", { name: "Follow" });
  await follow.click();
  await expect(follow).toHaveAttribute("aria-pressed", "false");
  const top = () => lines(page).evaluate((log) => log.scrollTop);
  await drawn(page);
  const before = await top();
  await gate.print(Array.from({ length: 100 }, (_, i) => `late ${i}\n`).join(""));
  await expect(page.getByRole("button", { name: "100 new lines" })).toBeVisible();
  expect(await top()).toBe(before);
  await follow.click();
  await expect.poll(() => visible(page, ".log-line")).toContain("200");
  await gate.print("the last\n");
  await expect.poll(() => visible(page, ".log-line")).toContain("201");
  await gate.close();
});

test("a log of 50 MB is searched without freezing the page", async ({ page, server }) => {
  // Some hundred requests, one after the other: on a busy machine that takes minutes.
  test.setTimeout(600_000);
  const script = "seq -f 'line %.0f of a log that is longer than a page holds' 1000000; echo needle";
  const id = await server.startJob("script", { script });
  expect(await server.ended(id)).toBe(0);
  await page.goto(`/jobs/${id}`);
  await expect(lines(page)).toContainText("needle");
  const longest = await longestTask(page, async () => {
    await search(page).fill("needle");
    const found = page.locator(".log-found[role=status]");
    await expect(found).toHaveText("1 line", { timeout: 500_000 });
  });
  report(`a log of 50 MB is searched: longest task ${ms(longest)}`);
  expect(longest).toBeGreaterThan(0);
  expect(longest).toBeLessThan(250);
});
