// The tabs that a first visit finds. Each document is checked against the schema, as those of the dashboard are.

import cancel from "./samples/cancel.graphql?raw";
import list from "./samples/list.graphql?raw";
import query from "./samples/query.graphql?raw";
import start from "./samples/start.graphql?raw";
import subscribe from "./samples/subscribe.graphql?raw";

const text = (variables: object) => JSON.stringify(variables, null, 2);
const anId = text({ id: "the id that startJob gave" });

export const samples = [
  { query: start, variables: text({ input: { kind: "demo", args: { seconds: 20 } } }) },
  { query, variables: anId },
  { query: subscribe, variables: anId },
  { query: cancel, variables: anId },
  { query: list, variables: text({ first: 10, filter: {} }) },
];

/** GraphiQL shows the first tab's variables where it is told them, and would open a tab more if it was told again. */
export function firstVariables(): { initialVariables?: string } {
  const isFirstVisit = localStorage.getItem("graphiql:tabState") === null;
  const variables = samples[0]?.variables;
  return isFirstVisit && variables !== undefined ? { initialVariables: variables } : {};
}
