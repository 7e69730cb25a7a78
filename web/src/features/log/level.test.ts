// A line's level is what it says of itself, and nothing is made of words in a sentence.

import { expect, test } from "vitest";
import { isError, levelOf } from "./level";

test("errors, as programs begin them", () => {
  for (const line of [
    "ERROR disk is full",
    "2026-11-25T12:00:00Z ERROR app: no",
    "[12:00:00] [FATAL] gone",
    "error: cannot find value `x`",
    "error[E0425]: cannot find value",
    "npm: error: no such script",
    "gcc: fatal error: no input files",
    "fatal: not a git repository",
    "ValueError: invalid literal",
    "java.lang.IllegalStateException: no",
    "Traceback (most recent call last):",
    "thread 'main' panicked at src/main.rs:2:5:",
    "panic: runtime error",
    'time="12:00" level=error msg="no"',
    '{"level":"error","msg":"no"}',
    '{"level":50,"msg":"no"}',
    '{"severity": "CRITICAL"}',
  ]) {
    expect([line, levelOf(line)]).toEqual([line, "error"]);
  }
});

test("warnings", () => {
  for (const line of [
    "WARN slow",
    "warning: unused variable",
    "ld: warning: x",
    "level=warn",
    '{"level":40}',
  ]) {
    expect([line, levelOf(line)]).toEqual([line, "warning"]);
  }
});

test("what only speaks of errors is none", () => {
  for (const line of [
    "0 errors, 0 warnings",
    "no error so far",
    "ERROR_COUNT=0",
    "--fail-on-ERROR",
    "level=info msg=ERROR",
    '{"level":"info","error":"none"}',
    '{"level":30,"msg":"FATAL"}',
    "handled the error: it was nothing",
    `${"x".repeat(80)} ERROR`,
    "",
  ]) {
    expect([line, levelOf(line)]).toEqual([line, null]);
  }
});

test("what Longhaul says of the attempt is not what the job said", () => {
  expect(isError({ text: "ERROR x", stream: "STDOUT" })).toBe(true);
  expect(isError({ text: "ERROR x", stream: "SYSTEM" })).toBe(false);
});
