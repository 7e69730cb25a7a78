// The validator as the form library wants it. (Its own is built on one that needs `eval`.)

import {
  createErrorHandler,
  type RJSFSchema,
  type RJSFValidationError,
  unwrapErrorHandler,
  type ValidatorType,
  validationDataMerge,
} from "@rjsf/utils";
import type { ArgProblem } from "../../graphql/problem";
import { errorSchemaOf, fieldOf } from "./pointer";
import { check, fits } from "./validate";

type Data = unknown;

export const formValidator: ValidatorType<Data, RJSFSchema> = {
  validateFormData(data, schema, customValidate, transformErrors, uiSchema) {
    const problems = check(schema, data ?? {});
    const errors = problems.map(asFormError);
    const found = {
      errors: transformErrors ? transformErrors(errors, uiSchema) : errors,
      errorSchema: errorSchemaOf(problems),
    };
    if (!customValidate) {
      return found;
    }
    const handler = customValidate(data, createErrorHandler<Data>(data), uiSchema, found.errorSchema);
    return validationDataMerge(found, unwrapErrorHandler(handler));
  },
  isValid(schema, data, root) {
    // A branch may refer to definitions that stand at the root.
    const { $defs, definitions } = root;
    return fits({ ...($defs && { $defs }), ...(definitions && { definitions }), ...schema }, data);
  },
  rawValidation<Result>(schema: RJSFSchema, data?: Data) {
    return { errors: check(schema, data) as Result[] };
  },
};

function asFormError(problem: ArgProblem): RJSFValidationError {
  const property = fieldOf(problem)
    .map((step) => `.${step}`)
    .join("");
  return {
    name: problem.keyword,
    message: problem.message,
    property,
    stack: `${property} ${problem.message}`,
  };
}
