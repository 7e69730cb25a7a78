// The arguments of a kind as a form from its schema.

// The library's index also names a validator that is not installed here: it needs `eval`.
import Form from "@rjsf/core/lib/components/Form.js";
import type { RJSFSchema } from "@rjsf/utils";
import { type ReactNode, useEffect, useState } from "react";
import type { ArgProblem } from "../../graphql/problem";
import { formValidator } from "./formValidator";
import { Unplaced } from "./Problems";
import { errorSchemaOf, fieldOf } from "./pointer";
import { templates, widgets } from "./templates";
import type { Start } from "./useStart";

const ID = "args";

interface Props {
  schema: unknown;
  args: unknown;
  start: Start;
  onChange(args: unknown): void;
  /** The button that submits. */
  children: ReactNode;
}

export function ArgsForm({ schema, args, start, onChange, children }: Props) {
  const [tried, setTried] = useState(false);
  const { failed, wrong } = start;
  // After the fields are enabled again: what is disabled takes no focus.
  useEffect(() => focusField(failed?.argProblems[0]), [failed]);
  return (
    <Form<unknown, RJSFSchema>
      className="args"
      schema={asForm(schema)}
      validator={formValidator}
      templates={templates}
      widgets={widgets}
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
      disabled={start.isBusy}
      onChange={({ formData }) => {
        onChange(formData);
        start.setWrong([]);
      }}
      onError={() => setTried(true)}
      onSubmit={({ formData }) => void start.send(formData ?? {})}
    >
      <Unplaced
        problems={wrong.filter((problem) => problem.pointer === "" && problem.keyword !== "required")}
      />
      {children}
    </Form>
  );
}

/** The form library gives each field its path as its id. */
function focusField(problem: ArgProblem | undefined): void {
  if (problem !== undefined) {
    document.getElementById([ID, ...fieldOf(problem)].join("_"))?.focus();
  }
}

/** Can a form be made of it? Without named properties there is nothing to draw. */
export function hasFields(schema: unknown): boolean {
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
