// The keys of every page.

import { useNavigate } from "@tanstack/react-router";
import { type RefObject, Suspense, useCallback, useLayoutEffect, useRef } from "react";
import { tinykeys } from "tinykeys";
import { PAGES, PALETTE_KEYS } from "./keyNames";
import { later, useOpening } from "./later";

/** The second key of two comes within this. By when it was pressed: on a busy machine that is told late. */
const SEQUENCE_MS = 1_000;
/** The library knows only when it was told. The longest time that a browser's timer takes. */
const NEVER_MS = 2 ** 31 - 1;
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
  /** What was typed before the palette had come. */
  const early = useRef("");
  const openPalette = useCallback(() => {
    early.current = "";
    palette.set(true);
  }, [palette.set]);
  useEarly(early, palette.isOpen);
  // While what was asked for is still on its way, no key is for the page either.
  const isAsked = useRef(false);
  isAsked.current = help.isOpen || palette.isOpen;
  useKeys(openHelp, openPalette, isAsked);
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
          <Palette
            isAdmin={isAdmin}
            isOpen={palette.isOpen}
            opening={palette.opening}
            early={early}
            onOpen={palette.set}
          />
        )}
      </Suspense>
    </>
  );
}

function useKeys(openHelp: () => void, openPalette: () => void, isAsked: RefObject<boolean>): void {
  const navigate = useNavigate();
  const go = useRef(navigate);
  go.current = navigate;

  // The end of `g j` is no `j`.
  const begun = useRef(Number.NEGATIVE_INFINITY);

  // Before the rows can be seen: whoever presses a key then is heard.
  useLayoutEffect(() => {
    const on = (act: Act, writesNothing = false) => unlessBusy(act, isAsked, writesNothing);
    const alone = (act: () => void): Act => {
      return ({ timeStamp }) => {
        if (timeStamp - begun.current > SEQUENCE_MS) {
          act();
        }
      };
    };
    const search = on(() => document.querySelector<HTMLElement>(SEARCH)?.focus());
    const help = on(openHelp);
    // A `g` that was typed into a field begins nothing.
    const second = (act: () => void): Act => {
      return ({ timeStamp }) => {
        if (timeStamp - begun.current <= SEQUENCE_MS) {
          act();
        }
      };
    };
    const pages = PAGES.map(
      ({ key, to }) => [`g ${key}`, on(second(() => void go.current({ to })))] as const,
    );
    return tinykeys(
      window,
      {
        "$mod+k": on(openPalette, true),
        ...Object.fromEntries(pages),
        g: on(({ timeStamp }) => {
          begun.current = timeStamp;
        }),
        j: on(alone(() => step(1))),
        k: on(alone(() => step(-1))),
        o: on(alone(() => current()?.click())),
        n: on(() => document.querySelector<HTMLElement>(FIND("next"))?.click()),
        "Shift+N": on(() => document.querySelector<HTMLElement>(FIND("previous"))?.click()),
        u: on(() => [...document.querySelectorAll<HTMLElement>(UNDO)].at(-1)?.click()),
        // Which of them needs Shift is the keyboard's to say.
        "/": search,
        "Shift+/": search,
        "?": help,
        "Shift+?": help,
      },
      { timeout: NEVER_MS },
    );
  }, [openHelp, openPalette, isAsked]);
}

/** Keeps what is typed for what is asked for and is still on its way. */
function useEarly(early: RefObject<string>, isAsked: boolean): void {
  useLayoutEffect(() => {
    if (!isAsked) {
      return;
    }
    const keep = (event: KeyboardEvent) => {
      const isText = event.key.length === 1 && !event.ctrlKey && !event.metaKey && !event.altKey;
      if (isText && document.querySelector(OPEN_DIALOG) === null) {
        event.preventDefault();
        early.current += event.key;
      }
    };
    window.addEventListener("keydown", keep, { capture: true });
    return () => window.removeEventListener("keydown", keep, { capture: true });
  }, [early, isAsked]);
}

type Act = (event: KeyboardEvent) => void;

/** Keys are for the page only while nobody types, but for those that write nothing, and nothing is open over it or about to be. */
function unlessBusy(act: Act, isAsked: RefObject<boolean>, writesNothing: boolean): Act {
  return (event) => {
    const target = event.target as HTMLElement;
    const isTyping = target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
    const isOver = isAsked.current || document.querySelector(OPEN_DIALOG) !== null;
    if ((isTyping && !writesNothing) || event.repeat || isOver) {
      return;
    }
    event.preventDefault();
    act(event);
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
