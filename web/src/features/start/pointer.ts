// JSON Pointers to the fields of a form, for problems of both the page and the server.

import { type ErrorSchema, ErrorSchemaBuilder } from "@rjsf/utils";
import type { ArgProblem } from "../../graphql/problem";

/** The steps of a JSON Pointer (RFC 6901); indexes stay text. */
export function steps(pointer: string): string[] {
  if (pointer === "") {
    return [];
  }
  return pointer
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** The pointer of these steps. */
export function pointerOf(path: readonly string[]): string {
  return path.map((step) => `/${step.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/**
 * Where a form shows a problem. What is missing is told of the object that lacks it, but belongs to the field that
 * stands empty; its name is what the message begins with, as a JSON string.
 */
export function fieldOf(problem: ArgProblem): string[] {
  const path = steps(problem.pointer);
  if (problem.keyword === "required") {
    const name = /^"(?:[^"\\]|\\.)*"/.exec(problem.message)?.[0];
    if (name !== undefined) {
      return [...path, JSON.parse(name) as string];
    }
  }
  return path;
}

/** Problems as the form library wants them: a tree of fields. */
export function errorSchemaOf(problems: readonly ArgProblem[]): ErrorSchema {
  const builder = new ErrorSchemaBuilder();
  for (const problem of problems) {
    const path = fieldOf(problem).map((step) => (/^\d+$/.test(step) ? Number(step) : step));
    builder.addErrors(problem.message, path);
  }
  return builder.ErrorSchema;
}
