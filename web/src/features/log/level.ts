// How grave a line is, as far as its words tell. Pure.
//
// No program says it in one way: this knows level words in capitals near the beginning, `level=` of structured logs and
// JSON, and how compilers and languages begin an error. Words in the middle of a sentence ("0 errors") mean nothing.

import type { LogStream } from "../../graphql/generated";

export type Level = "error" | "warning";

/** What comes later in a line is what it tells, not how grave it is. */
const LOOKED_AT = 300;
/** Before a level word in capitals stand a time and a name at most. */
const HEAD = 80;

const ERRORS = [
  /(?:^|[^\w.-])(?:ERROR|ERR|FATAL|CRITICAL|CRIT|SEVERE|PANIC|EMERG)(?![\w-])/,
  /^\s*(?:[\w./-]+: )?(?:fatal |internal |compile )?error(?:\[\w+\])?: /i,
  /^\s*(?:\w+\.)*[A-Z]\w*(?:Error|Exception)(?::|$)/,
  /^\s*(?:Traceback \(most recent call last\)|thread '[^']*' (?:\(\d+\) )?panicked at|panic: |fatal: |Exception in thread)/,
];
const WARNINGS = [/(?:^|[^\w.-])(?:WARN|WARNING)(?![\w-])/, /^\s*(?:[\w./-]+: )?warning(?:\[\w+\])?: /i];
/** A level that is named as one; numbers are those of bunyan and pino. */
const NAMED = /(?:^|[^\w])(?:level|lvl|severity)["']?\s*[=:]\s*["']?(\w+)/i;
const NAMES: Partial<Record<string, Level>> = {
  error: "error",
  err: "error",
  fatal: "error",
  critical: "error",
  crit: "error",
  panic: "error",
  emerg: "error",
  alert: "error",
  50: "error",
  60: "error",
  warn: "warning",
  warning: "warning",
  40: "warning",
};

/** `text`: a line without its escapes. null: nothing tells. */
export function levelOf(text: string): Level | null {
  const line = text.length > LOOKED_AT ? text.slice(0, LOOKED_AT) : text;
  const named = NAMED.exec(line)?.[1]?.toLowerCase();
  if (named !== undefined) {
    // A line that says its level means it.
    return NAMES[named] ?? null;
  }
  const head = line.slice(0, HEAD);
  if (ERRORS.some((one) => one.test(head))) {
    return "error";
  }
  return WARNINGS.some((one) => one.test(head)) ? "warning" : null;
}

/** Does it tell that something went wrong? What is on standard error need not. */
export function isError({ text, stream }: { text: string; stream: LogStream }): boolean {
  return stream !== "SYSTEM" && levelOf(text) === "error";
}
