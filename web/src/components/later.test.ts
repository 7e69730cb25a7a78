// @vitest-environment happy-dom
// What is not needed at once comes bit by bit, while nobody waits.

import { afterEach, expect, test, vi } from "vitest";
import { later, loadAll } from "./later";

afterEach(() => vi.unstubAllGlobals());

test("all comes one by one, each when the page is idle, and what fails holds up nothing", async () => {
  const asked: (() => void)[] = [];
  let tell = () => {};
  vi.stubGlobal("requestIdleCallback", (callback: () => void) => {
    asked.push(callback);
    tell();
  });
  /** What the page is to do when it is idle for the next time. */
  const idle = async () => {
    if (asked.length === 0) {
      await new Promise<void>((heard) => {
        tell = heard;
      });
    }
    return asked.shift() as () => void;
  };
  const came: string[] = [];
  const load = (name: string) => async () => {
    came.push(name);
    return () => null;
  };
  later(load("a dialog"));
  const fails = async () => {
    came.push("what fails");
    throw new Error("the server is away");
  };
  let reach = () => {};
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const all = loadAll([fails, load("a page")], () => reached);
  const expected = ["a dialog", "what fails", "a page"];
  for (const [number] of expected.entries()) {
    const goOn = await idle();
    expect(came).toEqual(expected.slice(0, number));
    goOn();
    if (number === 0) {
      await Promise.resolve();
      // It is idle, but there is no server.
      expect(came).toEqual([]);
      reach();
    }
  }
  await all;
  expect(came).toEqual(expected);
});
