// The keys of every page.

import { useNavigate } from "@tanstack/react-router";
import { Suspense, useCallback, useLayoutEffect, useRef } from "react";
import { tinykeys } from "tinykeys";
import { PAGES, PALETTE_KEYS } from "./keyNames";
import { later, useOpening } from "./later";

/** The second key of two comes within this. */
const SEQUENCE_MS = 1_000;
/** Elements of a page that the keys go to. */
const ROW = "main [data-row]";
const SEARCH = "main [data-search]";
const UNDO = "[data-undo]";
/** One that was closed stays for a frame or more: it has no say in the keys. */
const OPEN_DIALOG = ":is([role=dialog], [role=alertdialog]):not([data-closed])";
const FIND = (which: "next" | "previous") => `main [data-find=${which}]`;

const Palette = later(async () => (await import("./Palette")).Palette);
const Help = later(async () => (await import("./Help")).Help);

export function Keys({ isAdmin }: { isAdmin: boolean }) {
  const help = useOpening();
  const palette = useOpening();
  const openHelp = useCallback(() => help.set(true), [help.set]);
  const openPalette = useCallback(() => palette.set(true), [palette.set]);
  useKeys(openHelp, openPalette);
  return (
    <>
      <button type="button" className="keys-button palette-button" onClick={openPalette}>
        Go to <kbd>{PALETTE_KEYS}</kbd>
      </button>
      <button
        type="button"
        className="keys-button"
        aria-label="Keys"
        aria-haspopup="dialog"
        onClick={openHelp}
      >
        ?
      </button>
      <Suspense>
        {help.wasWanted && <Help isOpen={help.isOpen} onOpen={help.set} />}
        {palette.wasWanted && (
          <Palette isAdmin={isAdmin} isOpen={palette.isOpen} opening={palette.opening} onOpen={palette.set} />
        )}
      </Suspense>
    </>
  );
}

function useKeys(openHelp: () => void, openPalette: () => void): void {
  const navigate = useNavigate();
  const go = useRef(navigate);
  go.current = navigate;

  // The end of `g j` is no `j`.
  const begun = useRef(Number.NEGATIVE_INFINITY);

  // Before the rows can be seen: whoever presses a key then is heard.
  useLayoutEffect(() => {
    const alone = (act: () => void) => {
      if (performance.now() - begun.current > SEQUENCE_MS) {
        act();
      }
    };
    const search = unlessBusy(() => document.querySelector<HTMLElement>(SEARCH)?.focus());
    const help = unlessBusy(openHelp);
    // A `g` that was typed into a field begins nothing.
    const second = (act: () => void) => {
      if (performance.now() - begun.current <= SEQUENCE_MS) {
        act();
      }
    };
    const pages = PAGES.map(
      ({ key, to }) => [`g ${key}`, () => second(() => void go.current({ to }))] as const,
    );
    return tinykeys(
      window,
      {
        "$mod+k": unlessBusy(openPalette, true),
        ...Object.fromEntries(pages.map(([keys, act]) => [keys, unlessBusy(act)])),
        g: unlessBusy(() => {
          begun.current = performance.now();
        }),
        j: unlessBusy(() => alone(() => step(1))),
        k: unlessBusy(() => alone(() => step(-1))),
        o: unlessBusy(() => alone(() => current()?.click())),
        n: unlessBusy(() => document.querySelector<HTMLElement>(FIND("next"))?.click()),
        "Shift+N": unlessBusy(() => document.querySelector<HTMLElement>(FIND("previous"))?.click()),
        u: unlessBusy(() => [...document.querySelectorAll<HTMLElement>(UNDO)].at(-1)?.click()),
        // Which of them needs Shift is the keyboard's to say.
        "/": search,
        "Shift+/": search,
        "?": help,
        "Shift+?": help,
      },
      { timeout: SEQUENCE_MS },
    );
  }, [openHelp, openPalette]);
}

/** Keys are for the page only while nobody types, but for those that write nothing, and no dialog is open over it. */
function unlessBusy(act: () => void, writesNothing = false): (event: KeyboardEvent) => void {
  return (event) => {
    const target = event.target as HTMLElement;
    const isTyping = target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
    if ((isTyping && !writesNothing) || event.repeat || document.querySelector(OPEN_DIALOG) !== null) {
      return;
    }
    event.preventDefault();
    act();
  };
}

function current(): HTMLElement | null {
  const focused = document.activeElement;
  return focused instanceof HTMLElement && focused.matches(ROW) ? focused : null;
}

function step(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>(ROW)];
  const at = current();
  const next = at === null ? 0 : rows.indexOf(at) + by;
  rows[Math.min(Math.max(next, 0), rows.length - 1)]?.focus();
}
