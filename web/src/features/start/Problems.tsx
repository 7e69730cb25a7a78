// Problems of arguments that no field shows.

import type { ArgProblem } from "../../graphql/problem";

export function Unplaced({ problems }: { problems: readonly ArgProblem[] }) {
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
