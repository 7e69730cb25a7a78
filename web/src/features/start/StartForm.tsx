// The arguments of one kind, as a form or as JSON, and their start.

import { useEffect, useState } from "react";
import { ProblemNote } from "../../components/Problem";
import type { KindsQuery } from "../../graphql/generated";
import { useAccess } from "../../graphql/useAccess";
import { ArgsForm, hasFields } from "./ArgsForm";
import { ArgsJson, parsed } from "./ArgsJson";
import { FormBoundary } from "./FormBoundary";
import { Place } from "./Place";
import { Same } from "./Same";
import { useStart } from "./useStart";

type Mode = "form" | "json";

/** What was typed so far. It outlives the form, which goes with what was read by a token that ended. */
export interface Draft {
  /** null: whichever goes. */
  mode: Mode | null;
  args: unknown;
  text: string;
}

interface Props {
  kind: KindsQuery["kinds"][number];
  draft: Draft | undefined;
  onDraft(draft: Draft): void;
}

export function StartForm({ kind, draft, onDraft }: Props) {
  const schema = kind.argsSchema;
  const start = useStart(kind.name);
  const { token } = useAccess();
  const [mode, setMode] = useState<Mode>(() => draft?.mode ?? (hasFields(schema) ? "form" : "json"));
  const [args, setArgs] = useState<unknown>(draft?.args);
  const [text, setText] = useState(draft?.text ?? "{}");
  useEffect(() => onDraft({ mode, args, text }), [mode, args, text, onDraft]);
  const current = mode === "form" ? (args ?? {}) : parsed(text);

  const choose = (next: Mode) => {
    if (next === "json") {
      setText(JSON.stringify(args ?? {}, null, 2));
    } else if (current !== undefined) {
      setArgs(current);
    }
    start.setWrong([]);
    setMode(next);
  };

  const submit = (
    <button type="submit" className="primary" disabled={start.isBusy}>
      {start.isBusy ? "Starting…" : `Start ${kind.title ?? kind.name}`}
    </button>
  );
  return (
    <>
      {hasFields(schema) && <ModeChoice mode={mode} onChoose={choose} />}
      {start.failed !== null && <ProblemNote what="The job was not started" problem={start.failed} />}
      {mode === "form" ? (
        <FormBoundary onFailed={() => choose("json")}>
          <ArgsForm schema={schema} args={args} start={start} onChange={setArgs}>
            {submit}
          </ArgsForm>
        </FormBoundary>
      ) : (
        <ArgsJson schema={schema} text={text} start={start} onChange={setText}>
          {submit}
        </ArgsJson>
      )}
      {current !== undefined && <Place kind={kind} args={current} />}
      <Same input={current === undefined ? null : start.requestOf(current)} withToken={token !== null} />
    </>
  );
}

function ModeChoice({ mode, onChoose }: { mode: Mode; onChoose(mode: Mode): void }) {
  return (
    <fieldset className="mode">
      <legend className="hidden-words">How to give the arguments</legend>
      {(["form", "json"] as const).map((one) => (
        <label key={one} className="check">
          <input type="radio" name="mode" checked={mode === one} onChange={() => onChoose(one)} />
          {one === "form" ? "Form" : "JSON"}
        </label>
      ))}
    </fieldset>
  );
}
