// A cancel is told with its numbers.

import { expect, test } from "vitest";
import { told, willBe } from "./cancelWords";

test("before: one job by its id, more by their number", () => {
  expect(willBe(1, "01a2235c-11ea-78cf-9144-4bf8107369b2")).toBe("Job …107369b2 will be canceled");
  expect(willBe(1)).toBe("1 job will be canceled");
  expect(willBe(1_200)).toBe("1,200 jobs will be canceled");
});

test("meanwhile and afterwards: how many, and how many not", () => {
  expect(told({ done: 1, failed: 0 }, "so far")).toBe("1 job canceled so far…");
  expect(told({ done: 0, failed: 2 }, "over")).toBe("0 jobs canceled, 2 not.");
  expect(told({ done: 3, failed: 0 }, "stopped")).toBe("Stopped: 3 jobs canceled.");
});
