// Arguments against the schema of their kind, before they are sent. The server judges; this only saves a round trip.
//
// The validator interprets the schema: one that compiles it needs `eval`, which the page's policy forbids.

import { type OutputUnit, type Schema, Validator } from "@cfworker/json-schema";
import type { ArgProblem } from "../../graphql/problem";
import { pointerOf, steps } from "./pointer";

/** These only say that something below them failed. */
const CARRIERS = new Set([
  "$ref",
  "$dynamicRef",
  "additionalProperties",
  "allOf",
  "dependentSchemas",
  "items",
  "patternProperties",
  "prefixItems",
  "properties",
  "unevaluatedItems",
  "unevaluatedProperties",
]);
/** Below these, a failure is one of several ways, and says nothing by itself. */
const CHOICES = new Set(["anyOf", "oneOf", "not", "contains", "if"]);

/** What does not fit; empty where all does, or where the schema is beyond this validator. */
export function check(schema: unknown, value: unknown): ArgProblem[] {
  if (!isSchema(schema)) {
    return [];
  }
  try {
    // A copy, because the validator writes into what it is given.
    const validator = new Validator(structuredClone(schema), "2020-12", false);
    return problems(schema, validator.validate(value).errors);
  } catch {
    return [];
  }
}

/** Does the value fit? For the choice among branches: what can't be judged does not. */
export function fits(schema: unknown, value: unknown): boolean {
  if (!isSchema(schema)) {
    return schema !== false;
  }
  try {
    return new Validator(structuredClone(schema), "2020-12", true).validate(value).valid;
  } catch {
    return false;
  }
}

function problems(schema: Schema, errors: readonly OutputUnit[]): ArgProblem[] {
  const choices = errors
    .filter((error) => CHOICES.has(error.keyword))
    .map((error) => `${error.keywordLocation}/`);
  return errors
    .filter((error) => !CARRIERS.has(error.keyword))
    .filter((error) => !choices.some((choice) => error.keywordLocation.startsWith(choice)))
    .map((error) => ({
      pointer: decodeURI(error.instanceLocation.slice(1)),
      keyword: error.keyword,
      message: words(error, limitOf(schema, error)),
    }));
}

/** The value of the keyword that failed, where the schema names it in place. */
function limitOf(schema: Schema, error: OutputUnit): unknown {
  let at: unknown = schema;
  for (const step of steps(error.keywordLocation.slice(1))) {
    if (typeof at !== "object" || at === null) {
      return undefined;
    }
    at = (at as Record<string, unknown>)[step];
  }
  return at;
}

function words(error: OutputUnit, limit: unknown): string {
  const text = JSON.stringify(limit);
  switch (error.keyword) {
    case "required": {
      // The library quotes the name in its sentence; the form looks for it at the beginning of ours.
      const name = /"(?:[^"\\]|\\.)*"/.exec(error.error)?.[0];
      return name === undefined ? error.error : `${name} is required`;
    }
    case "false":
      return `${pointerOf(steps(decodeURI(error.instanceLocation.slice(1))).slice(-1)).slice(1)} is no argument of this kind`;
    case "type":
      return limit === undefined ? error.error : `must be of type ${[limit].flat().join(" or ")}`;
    case "minimum":
      return limit === undefined ? error.error : `must be ${text} or more`;
    case "maximum":
      return limit === undefined ? error.error : `must be ${text} or less`;
    case "exclusiveMinimum":
      return limit === undefined ? error.error : `must be more than ${text}`;
    case "exclusiveMaximum":
      return limit === undefined ? error.error : `must be less than ${text}`;
    case "minLength":
      return limit === 1 ? "must not be empty" : `must have ${text} characters or more`;
    case "maxLength":
      return limit === undefined ? error.error : `must have ${text} characters or fewer`;
    case "pattern":
      return limit === undefined ? error.error : `must match ${String(limit)}`;
    case "enum":
      return Array.isArray(limit)
        ? `must be one of ${limit.map((one) => JSON.stringify(one)).join(", ")}`
        : error.error;
    case "const":
      return limit === undefined ? error.error : `must be ${text}`;
    case "minItems":
      return limit === undefined ? error.error : `must have ${text} items or more`;
    case "maxItems":
      return limit === undefined ? error.error : `must have ${text} items or fewer`;
    case "multipleOf":
      return limit === undefined ? error.error : `must be a multiple of ${text}`;
    case "format":
      return limit === undefined ? error.error : `must be a valid ${String(limit)}`;
    default:
      return error.error;
  }
}

function isSchema(schema: unknown): schema is Schema {
  return typeof schema === "object" && schema !== null && !Array.isArray(schema);
}
