// What the palette offers for what was typed. Pure.

import type { ChoicesQuery, PaletteJobsQuery } from "../graphql/generated";
import { stateWord } from "./StateWord";

export type Target =
  | { to: "/overview" | "/queues" | "/kinds" | "/workers" | "/tokens" | "/" }
  | { to: "/start"; kind?: string }
  | { to: "/queues/$name"; name: string }
  | { to: "/jobs/$id"; id: string }
  | { to: "/graphiql" };

export interface Item {
  /** Its key, and what a search is about. */
  value: string;
  label: string;
  note?: string;
  target: Target;
}

export interface Group {
  value: string;
  items: Item[];
}

const PAGES: readonly Item[] = [
  { value: "page jobs", label: "Jobs", note: "g j", target: { to: "/" } },
  { value: "page overview", label: "Overview", note: "g o", target: { to: "/overview" } },
  { value: "page queues", label: "Queues", note: "g q", target: { to: "/queues" } },
  { value: "page kinds", label: "Kinds", note: "g k", target: { to: "/kinds" } },
  { value: "page workers", label: "Workers", note: "g w", target: { to: "/workers" } },
  { value: "page tokens", label: "Tokens", target: { to: "/tokens" } },
  { value: "page start", label: "Start a job", note: "g s", target: { to: "/start" } },
  { value: "page graphiql", label: "GraphiQL", target: { to: "/graphiql" } },
];

/** `jobs`: what the server found for the text. Who is no admin is not led to the tokens. */
export function groups(
  text: string,
  choices: ChoicesQuery | null,
  jobs: PaletteJobsQuery["jobs"]["nodes"],
  isAdmin: boolean,
): Group[] {
  const wanted = text.trim().toLowerCase();
  const fits = ({ label, value }: Item) =>
    wanted === "" || label.toLowerCase().includes(wanted) || value.toLowerCase().includes(wanted);
  const kinds = (choices?.kinds ?? []).map(
    ({ name, title }): Item => ({
      value: `start ${name}`,
      label: `Start ${title ?? name}`,
      target: { to: "/start", kind: name },
    }),
  );
  const queues = (choices?.queues ?? []).map(
    ({ name }): Item => ({
      value: `queue ${name}`,
      label: `Queue ${name}`,
      target: { to: "/queues/$name", name },
    }),
  );
  const found = jobs.map(
    ({ id, kind, state }): Item => ({
      value: id,
      label: `${kind.title ?? kind.name} …${id.slice(-8)}`,
      note: stateWord(state),
      target: { to: "/jobs/$id", id },
    }),
  );
  return [
    { value: "Jobs", items: found },
    {
      value: "Pages",
      items: PAGES.filter((page) => fits(page) && (isAdmin || page.target.to !== "/tokens")),
    },
    { value: "Start", items: kinds.filter(fits) },
    { value: "Queues", items: queues.filter(fits) },
  ].filter(({ items }) => items.length > 0);
}
