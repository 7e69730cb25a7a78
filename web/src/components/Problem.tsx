// What failed, in the server's words, with the next step.

import type { Problem } from "../graphql/problem";

interface Props {
  /** What could not be done, as the beginning of a sentence. */
  what: string;
  problem: Problem;
  onRetry?: (() => void) | undefined;
}

export function ProblemNote({ what, problem, onRetry }: Props) {
  return (
    <div className="problem" role="alert">
      <p>
        <strong>{what}:</strong> {problem.message} <code className="code">{problem.code}</code>
      </p>
      {problem.scope !== null && (
        <p>
          A token with the scope <code>{problem.scope}</code> may do it. Whoever runs the server makes one
          with <code>longhaul token create NAME --scope {problem.scope}</code>.
        </p>
      )}
      {problem.hint !== null && <p>{problem.hint}</p>}
      {onRetry !== undefined && (
        <button type="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}
