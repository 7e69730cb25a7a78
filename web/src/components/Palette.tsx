// Goes to a page, a kind's form, a queue or a job by a few letters. No part of the first load.

import { Autocomplete } from "@base-ui/react/autocomplete";
import { Dialog } from "@base-ui/react/dialog";
import { useNavigate } from "@tanstack/react-router";
import { type RefObject, useEffect, useLayoutEffect, useRef, useState } from "react";
import { readUncached } from "../graphql/client";
import { ChoicesDocument, PaletteJobsDocument } from "../graphql/generated";
import { useRead } from "../graphql/useRead";
import { type Group, groups, type Item, type Target } from "./palette";
import "./palette.css";

const NO_VARIABLES = {};
const NO_JOBS: Jobs = [];
/** Whoever types is not asked about at every letter. */
const PAUSE_MS = 150;

type Jobs = Parameters<typeof groups>[2];

interface Props {
  isOpen: boolean;
  /** How often it was opened: each time it begins anew, also while it is on its way out. */
  opening: number;
  /** What was typed between its opening and its coming. */
  early: RefObject<string>;
  onOpen(isOpen: boolean): void;
  /** May the caller make tokens? */
  isAdmin: boolean;
}

export function Palette({ isOpen, opening, early, onOpen, isAdmin }: Props) {
  const navigate = useNavigate();
  const hasGone = useRef(false);
  /** Where whoever opened it was. */
  const origin = useRef<HTMLElement | null>(null);
  const go = (target: Target) => {
    hasGone.current = true;
    onOpen(false);
    switch (target.to) {
      case "/graphiql":
        window.location.assign("/graphiql");
        return;
      case "/jobs/$id":
        void navigate({ to: target.to, params: { id: target.id } });
        return;
      case "/queues/$name":
        void navigate({ to: target.to, params: { name: target.name } });
        return;
      case "/start":
        void navigate({ to: target.to, search: { kind: target.kind } });
        return;
      default:
        void navigate({ to: target.to });
    }
  };
  return (
    <Dialog.Root
      open={isOpen}
      onOpenChange={onOpen}
      onOpenChangeComplete={(isThere) => {
        // Where it led somewhere, also to the page that was shown, whoever goes by keys goes on at its beginning. The
        // dialog itself would give the focus to the first of the page that Tab reaches.
        // Whoever has moved on by then stays where they are.
        if (!isThere && isLeft()) {
          const isThereStill = !hasGone.current && origin.current?.isConnected;
          (isThereStill ? origin.current : beginning())?.focus({ preventScroll: true });
        }
      }}
    >
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop" />
        <Dialog.Popup className="dialog palette" aria-label="Go to" finalFocus={false}>
          <Search
            key={opening}
            early={early}
            isAdmin={isAdmin}
            onChoice={go}
            onReady={(from) => {
              hasGone.current = false;
              origin.current = from;
            }}
          />
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

interface SearchProps {
  early: RefObject<string>;
  isAdmin: boolean;
  onChoice(target: Target): void;
  /** `from`: what of the page had the focus before. */
  onReady(from: HTMLElement | null): void;
}

/** Where whoever goes by keys begins on a page. */
function beginning(): HTMLElement | null {
  return document.getElementById("content");
}

/** Nothing that can still be used has the focus. */
function isLeft(): boolean {
  const element = document.activeElement;
  return element === null || element === document.body || element.closest("[data-closed]") !== null;
}

/** What of the page has the focus: not what belongs to a dialog that is on its way out. */
function focused(): HTMLElement | null {
  const element = document.activeElement;
  const isOfPage = element instanceof HTMLElement && element !== document.body;
  return isOfPage && element.closest("[role=dialog]") === null ? element : null;
}

function Search({ isAdmin, early, onChoice, onReady }: SearchProps) {
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(early.current);
  const choices = useRead(ChoicesDocument, NO_VARIABLES);
  const jobs = useFound(text);
  // At once, and not with the next frame as the dialog would: what is typed until then would go to the page behind it.
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when it opens.
  useLayoutEffect(() => {
    onReady(focused());
    input.current?.focus();
    input.current?.setSelectionRange(text.length, text.length);
  }, []);
  return (
    <Autocomplete.Root
      open
      inline
      items={groups(text, choices.data, jobs, isAdmin)}
      filter={null}
      value={text}
      onValueChange={(value, { reason }) => {
        if (reason === "input-change" || reason === "input-clear") {
          setText(value);
        }
      }}
      itemToStringValue={(item: Item) => item.label}
      autoHighlight="always"
      keepHighlight
    >
      <div className="palette-head">
        <Autocomplete.Input
          ref={input}
          aria-label="Page, kind, queue, or the beginning of a job's id"
          placeholder="Page, kind, queue, or the beginning of a job's id"
          spellCheck={false}
        />
        <Dialog.Close>Close</Dialog.Close>
      </div>
      <Autocomplete.Empty className="palette-empty">
        {text === "" ? "" : "Nothing fits. A job is found by the beginning of its id."}
      </Autocomplete.Empty>
      <Autocomplete.List className="palette-list" aria-label="Where to">
        {(group: Group) => <Choices key={group.value} group={group} onChoice={onChoice} />}
      </Autocomplete.List>
    </Autocomplete.Root>
  );
}

function Choices({ group, onChoice }: { group: Group; onChoice(target: Target): void }) {
  return (
    <Autocomplete.Group items={group.items}>
      <Autocomplete.GroupLabel className="palette-label">{group.value}</Autocomplete.GroupLabel>
      <Autocomplete.Collection>
        {(item: Item) => (
          <Autocomplete.Item
            key={item.value}
            value={item}
            className="palette-item"
            onClick={() => onChoice(item.target)}
          >
            <span>{item.label}</span>
            {item.note !== undefined && <span className="note">{item.note}</span>}
          </Autocomplete.Item>
        )}
      </Autocomplete.Collection>
    </Autocomplete.Group>
  );
}

/** Jobs for the text, once nobody has typed for a moment. */
function useFound(text: string): Jobs {
  const wanted = text.trim();
  const [found, setFound] = useState<{ text: string; jobs: Jobs }>({ text: "", jobs: NO_JOBS });
  useEffect(() => {
    if (wanted === "") {
      return;
    }
    let isCurrent = true;
    const timer = setTimeout(async () => {
      const { data } = await readUncached(PaletteJobsDocument, { filter: { text: wanted } });
      if (isCurrent && data !== null) {
        setFound({ text: wanted, jobs: data.jobs.nodes });
      }
    }, PAUSE_MS);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [wanted]);
  return found.text === wanted ? found.jobs : NO_JOBS;
}
