// The arguments of a kind as JSON, for those that no form can be made of, or that stand in a file.

import type { FormEvent, ReactNode } from "react";
import { Unplaced } from "./Problems";
import type { Start } from "./useStart";
import { check } from "./validate";

interface Props {
  schema: unknown;
  text: string;
  start: Start;
  onChange(text: string): void;
  /** The button that submits. */
  children: ReactNode;
}

export function ArgsJson({ schema, text, start, onChange, children }: Props) {
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const args = parsed(text);
    const problems =
      args === undefined ? [{ pointer: "", keyword: "json", message: "are no JSON" }] : check(schema, args);
    start.setWrong(problems);
    if (problems.length === 0) {
      void start.send(args);
    }
  };
  return (
    <form className="args" onSubmit={submit} noValidate>
      <label htmlFor="args-json">Arguments as JSON</label>
      <textarea
        id="args-json"
        rows={10}
        spellCheck={false}
        value={text}
        aria-invalid={start.wrong.length > 0 || undefined}
        aria-describedby="args-json-problems"
        onChange={(event) => {
          onChange(event.currentTarget.value);
          start.setWrong([]);
        }}
      />
      <div id="args-json-problems" role="alert">
        <Unplaced problems={start.wrong} />
      </div>
      {children}
    </form>
  );
}

/** The value, or undefined where the text is no JSON. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
