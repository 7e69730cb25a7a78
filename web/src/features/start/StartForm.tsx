// The arguments of one kind: as a form from its schema, or as JSON, and their start.

// The library's index also names a validator that is not installed here: it needs `eval`.
import Form from "@rjsf/core/lib/components/Form.js";
import type { RJSFSchema } from "@rjsf/utils";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { ProblemNote } from "../../components/Problem";
import { act, endpoint } from "../../graphql/client";
import { type KindsQuery, StartJobDocument, type StartJobInput } from "../../graphql/generated";
import { KeyKeeper } from "../../graphql/key";
import type { ArgProblem, Problem } from "../../graphql/problem";
import { curlOf } from "./curl";
import { FormBoundary } from "./FormBoundary";
import { formValidator } from "./formValidator";
import { errorSchemaOf, fieldOf } from "./pointer";
import { templates } from "./templates";
import { check } from "./validate";

export type Kind = KindsQuery["kinds"][number];

const ID = "args";

interface Props {
  kind: Kind;
}

export function StartForm({ kind }: Props) {
  const navigate = useNavigate();
  const [mode, setMode] = useState<"form" | "json">(() => (hasFields(kind.argsSchema) ? "form" : "json"));
  const [args, setArgs] = useState<unknown>(undefined);
  const [text, setText] = useState("{}");
  const [wrong, setWrong] = useState<ArgProblem[]>([]);
  const [failed, setFailed] = useState<Problem | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [tried, setTried] = useState(false);
  // Set at once, not at the next rendering: the second of two fast clicks finds it.
  const inFlight = useRef(false);
  const [keys] = useState(() => new KeyKeeper());

  const current = mode === "form" ? (args ?? {}) : parsed(text);
  const input = { kind: kind.name, args: current };
  const request: StartJobInput = { ...input, idempotencyKey: keys.keyFor(JSON.stringify(input)) };

  const start = async (sent: unknown) => {
    if (inFlight.current) {
      return;
    }
    inFlight.current = true;
    setBusy(true);
    setFailed(null);
    setWrong([]);
    const content = { kind: kind.name, args: sent };
    const { data, problem } = await act(StartJobDocument, {
      input: { ...content, idempotencyKey: keys.keyFor(JSON.stringify(content)) },
    });
    inFlight.current = false;
    setBusy(false);
    if (data !== null) {
      keys.done();
      await navigate({ to: "/jobs/$id", params: { id: data.startJob.job.id } });
    } else if (problem !== null) {
      setFailed(problem);
      setWrong(problem.argProblems);
    }
  };

  // After the fields are enabled again: what is disabled takes no focus.
  useEffect(() => focusField(failed?.argProblems[0]), [failed]);

  const startJson = (event: FormEvent) => {
    event.preventDefault();
    if (current === undefined) {
      setWrong([{ pointer: "", keyword: "json", message: "is no JSON" }]);
      return;
    }
    const problems = check(kind.argsSchema, current);
    setWrong(problems);
    if (problems.length === 0) {
      void start(current);
    }
  };

  const choose = (next: "form" | "json") => {
    if (next === "json") {
      setText(JSON.stringify(args ?? {}, null, 2));
    } else if (current !== undefined) {
      setArgs(current);
    }
    setWrong([]);
    setMode(next);
  };

  const submit = (
    <button type="submit" className="primary" disabled={isBusy}>
      {isBusy ? "Starting…" : `Start ${kind.title ?? kind.name}`}
    </button>
  );

  return (
    <>
      {hasFields(kind.argsSchema) && <ModeChoice mode={mode} onChoose={choose} />}
      {failed !== null && <ProblemNote what="The job was not started" problem={failed} />}
      {mode === "form" ? (
        <FormBoundary onFailed={() => choose("json")}>
          <Form<unknown, RJSFSchema>
            className="args"
            schema={asForm(kind.argsSchema)}
            validator={formValidator}
            templates={templates}
            uiSchema={{ "ui:submitButtonOptions": { norender: true } }}
            idPrefix={ID}
            formData={args}
            extraErrors={errorSchemaOf(wrong)}
            showErrorList={false}
            focusOnFirstError
            noHtml5Validate
            // After the first try at the latest keystroke; never on leaving a field: what then appears or goes would move
            // the button that is being pressed.
            liveValidate={tried ? "onChange" : false}
            experimental_defaultFormStateBehavior={{ emptyObjectFields: "populateRequiredDefaults" }}
            disabled={isBusy}
            onChange={({ formData }) => {
              setArgs(formData);
              setWrong([]);
            }}
            onError={() => setTried(true)}
            onSubmit={({ formData }) => void start(formData ?? {})}
          >
            <Unplaced
              problems={wrong.filter((problem) => problem.pointer === "" && problem.keyword !== "required")}
            />
            {submit}
          </Form>
        </FormBoundary>
      ) : (
        <form className="args" onSubmit={startJson} noValidate>
          <label htmlFor="args-json">Arguments as JSON</label>
          <textarea
            id="args-json"
            rows={10}
            spellCheck={false}
            value={text}
            aria-invalid={wrong.length > 0 || undefined}
            aria-describedby="args-json-problems"
            onChange={(event) => {
              setText(event.currentTarget.value);
              setWrong([]);
            }}
          />
          <div id="args-json-problems" role="alert">
            <Unplaced problems={wrong} />
          </div>
          {submit}
        </form>
      )}
      <Curl command={current === undefined ? null : curlOf(endpoint, request)} />
    </>
  );
}

function ModeChoice({ mode, onChoose }: { mode: "form" | "json"; onChoose(mode: "form" | "json"): void }) {
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

/** Problems that no field shows. */
function Unplaced({ problems }: { problems: readonly ArgProblem[] }) {
  if (problems.length === 0) {
    return null;
  }
  return (
    <ul className="field-problems">
      {problems.map((problem) => (
        <li key={`${problem.pointer} ${problem.keyword} ${problem.message}`}>
          <code>{problem.pointer === "" ? "arguments" : problem.pointer}</code> {problem.message}
        </li>
      ))}
    </ul>
  );
}

function Curl({ command }: { command: string | null }) {
  return (
    <details className="curl">
      <summary>The same by curl</summary>
      {command === null ? (
        <p className="note">The arguments are no JSON yet.</p>
      ) : (
        <>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
          <section className="scroll" tabIndex={0} aria-label="curl command">
            <pre>
              <code>{command}</code>
            </pre>
          </section>
          <p className="note">
            Its key makes one job, however often it is sent, and the same one as the button. Another job needs
            another key.
          </p>
        </>
      )}
    </details>
  );
}

/** The form library gives each field its path as its id. */
function focusField(problem: ArgProblem | undefined): void {
  if (problem !== undefined) {
    document.getElementById([ID, ...fieldOf(problem)].join("_"))?.focus();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Can a form be made of it? Without named properties there is nothing to draw. */
function hasFields(schema: unknown): boolean {
  return isObject(schema) && isObject(schema.properties) && Object.keys(schema.properties).length > 0;
}

/** The page names the kind already. */
function asForm(schema: unknown): RJSFSchema {
  const { title: _, description: __, $schema: ___, ...rest } = isObject(schema) ? schema : {};
  return { type: "object", ...rest } as RJSFSchema;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
