// Keeps the page honest: what the policy forbids must not be in it.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

test("the page has nothing inline and names no other host", () => {
  const page = readFileSync("index.html", "utf8");
  expect(page).not.toMatch(/<script(?![^>]*\ssrc=)/);
  expect(page).not.toMatch(/<style|\sstyle=|\son\w+=|https?:/);
});
