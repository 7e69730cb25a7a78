// Logs that are long or hostile: the page stays quick, and shows text as text.

import { expect, test } from "./support/test";

const LINES = 1_000_000;

test("a log of 50 MB opens at its end, and can be read upwards", async ({ page, server }) => {
  const script = `seq -f 'line %.0f of a log that is longer than a page holds' ${LINES}`;
  const id = await server.startJob("script", { script });
  expect(await server.ended(id)).toBe(0);
  await page.goto(`/jobs/${id}`);
  const log = page.getByRole("region", { name: "Lines of the log" });
  await expect(log).toContainText(`line ${LINES} of a log`);
  await expect(page.getByText(/were left out: a log keeps its beginning and its end/)).toBeVisible();
  // Only what is seen is on the page.
  expect(await log.locator(".log-line").count()).toBeLessThan(300);
  const toEnd = page.getByRole("button", { name: /the end|new lines/ });
  await log.focus();
  // A key that comes before the first frame of the lines moves nothing: there is nothing to move yet.
  await expect(async () => {
    await page.keyboard.press("Home");
    await expect(log).not.toContainText(`line ${LINES} of a log`, { timeout: 2_000 });
  }).toPass();
  await expect(log).toContainText(/line \d+ of a log/);
  await toEnd.click();
  await expect(log).toContainText(`line ${LINES} of a log`);
  await expect(toEnd).toHaveCount(0);
  // The same in the middle of the animated jump to the start, which the browser does not end for anybody: the button is
  // pressed as soon as it is there, and the page looked at once nothing moves any more. A key that comes after that would
  // be another wish, so none is pressed again before it is certain that the one before moved nothing.
  const interrupted = page.locator("body[data-interrupted]");
  await log.evaluate((element) => {
    const settle = (last: number, frames: number): void => {
      const top = element.scrollTop;
      const same = top === last ? frames + 1 : 0;
      if (same === 30) {
        document.body.dataset.interrupted = "settled";
      } else {
        requestAnimationFrame(() => settle(top, same));
      }
    };
    new MutationObserver((_, observer) => {
      const button = document.querySelector<HTMLButtonElement>(".log-to-end");
      if (button !== null) {
        observer.disconnect();
        button.click();
        document.body.dataset.interrupted = "yes";
        settle(element.scrollTop, 0);
      }
    }).observe(document.body, { childList: true, subtree: true });
  });
  await expect(async () => {
    await page.keyboard.press("Home");
    await expect(interrupted).toBeAttached({ timeout: 5_000 });
  }).toPass();
  await expect(page.locator("body[data-interrupted=settled]")).toBeAttached();
  await expect(log).toContainText(`line ${LINES} of a log`);
  await expect(toEnd).toHaveCount(0);
});

test("what a job prints is never more than text", async ({ page, server }) => {
  const script = [
    `echo '<script>window.pwned = 1</script><img src=x onerror="window.pwned = 1">'`,
    `printf '\\033[31mred\\033[0m plain \\033]0;another title\\007\\033[2J\\n'`,
    `head -c 1048576 /dev/zero | tr '\\0' x`,
    `printf '\\n\\377\\376 no UTF-8\\nthe end\\n'`,
  ].join("\n");
  const id = await server.startJob("script", { script });
  expect(await server.ended(id)).toBe(0);
  await page.goto(`/jobs/${id}`);
  const log = page.getByRole("region", { name: "Lines of the log" });
  await expect(log).toContainText("the end");
  await expect(log).toContainText('<script>window.pwned = 1</script><img src=x onerror="window.pwned = 1">');
  await expect(log).toContainText("red plain");
  await expect(log).toContainText("cut: the line was longer than the limit");
  expect(await page.evaluate(() => "pwned" in window)).toBe(false);
  await expect(log.getByRole("img")).toHaveCount(0);
  await expect(page).not.toHaveTitle(/another title/);
  // The address of the raw log opens no page that could run anything either.
  const raw = await page.request.get(`/jobs/${id}/log`);
  expect(raw.headers()["content-type"]).toBe("text/plain; charset=utf-8");
  expect(raw.headers()["x-content-type-options"]).toBe("nosniff");
});
