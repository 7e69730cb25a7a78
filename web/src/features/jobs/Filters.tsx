// Which jobs the list shows. The address holds the choice, so that a link or a reload shows the same.

import { useNavigate } from "@tanstack/react-router";
import { memo, useState } from "react";
import { stateWord } from "../../components/StateWord";
import { useChosen } from "../../components/useChosen";
import type { ChoicesQuery, JobState } from "../../graphql/generated";
import { clockTime } from "../../time/format";
import { firstPage, isFiltered, type JobsSearch, STATES } from "./search";

interface Props {
  search: JobsSearch;
  /** null: not known yet; what the address names can be chosen all the same. */
  choices: ChoicesQuery | null;
}

/** Of all that the page is told, nearly nothing changes these. */
export const Filters = memo(function Filters({ search: said, choices }: Props) {
  const navigate = useNavigate();
  // Another filter is another list: its first page is shown.
  const [search, choose] = useChosen(said, (filter: JobsSearch) =>
    navigate({ to: "/", search: firstPage(filter) }),
  );

  return (
    <form className="filters" aria-label="Filter" onSubmit={(event) => event.preventDefault()}>
      <States search={search} onChoose={choose} />
      <Choice
        label="Kind"
        value={search.kind}
        options={choices?.kinds.map((kind) => kind.name) ?? []}
        onChoose={(kind) => choose({ ...search, kind })}
      />
      <Choice
        label="Queue"
        value={search.queue}
        options={choices?.queues.map((queue) => queue.name) ?? []}
        onChoose={(queue) => choose({ ...search, queue })}
      />
      <TextFilter
        text={search.text ?? ""}
        onChoose={(text) => choose({ ...search, text: text === "" ? undefined : text })}
      />
      {search.label !== undefined && (
        <button type="button" onClick={() => choose({ ...search, label: undefined })}>
          {search.label} ✕<span className="hidden-words">: show those without this label, too</span>
        </button>
      )}
      {search.since !== undefined && (
        <button type="button" onClick={() => choose({ ...search, since: undefined })}>
          Accepted since {clockTime(Date.parse(search.since))} ✕
          <span className="hidden-words">: show earlier ones, too</span>
        </button>
      )}
      {isFiltered(search) && (
        <button type="button" onClick={() => choose({})}>
          Clear the filter
        </button>
      )}
    </form>
  );
});

interface StatesProps {
  search: JobsSearch;
  onChoose(filter: JobsSearch): void;
}

function States({ search, onChoose }: StatesProps) {
  const toggle = (state: JobState, isOn: boolean) =>
    onChoose({
      ...search,
      state: STATES.filter((one) => (one === state ? isOn : search.state?.includes(one))),
    });

  return (
    <fieldset>
      <legend>State</legend>
      {STATES.map((state) => (
        <label key={state} className="check">
          <input
            type="checkbox"
            checked={search.state?.includes(state) ?? false}
            onChange={(event) => toggle(state, event.currentTarget.checked)}
          />
          {stateWord(state)}
        </label>
      ))}
    </fieldset>
  );
}

/** Chosen by Enter or by leaving the field, not by every letter: each choice is another list. */
function TextFilter({ text, onChoose }: { text: string; onChoose(text: string): void }) {
  const [typed, setTyped] = useState(text);
  const [last, setLast] = useState(text);
  // The same field for another text: whoever has chosen one is still in it, and may type on.
  if (last !== text) {
    setLast(text);
    setTyped(text);
  }
  const commit = () => {
    if (typed.trim() !== text) {
      onChoose(typed.trim());
    }
  };
  return (
    <label className="choice">
      Id, kind or label
      <input
        type="search"
        data-search
        value={typed}
        maxLength={200}
        onChange={(event) => setTyped(event.currentTarget.value)}
        onBlur={commit}
        onKeyDown={(event) => {
          if (event.key === "Enter") {
            commit();
          }
        }}
      />
    </label>
  );
}

interface ChoiceProps {
  label: string;
  value: string | undefined;
  options: readonly string[];
  onChoose(value: string | undefined): void;
}

function Choice({ label, value, options, onChoose }: ChoiceProps) {
  // A name that is no longer declared may still be filtered by.
  const all = value === undefined || options.includes(value) ? options : [value, ...options];
  return (
    <label className="choice">
      {label}
      <select value={value ?? ""} onChange={(event) => onChoose(event.currentTarget.value || undefined)}>
        <option value="">All</option>
        {all.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </label>
  );
}
