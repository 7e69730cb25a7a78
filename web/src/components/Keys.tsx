// The keys of every page, and the list of them.

import { Dialog } from "@base-ui/react/dialog";
import { useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useCallback, useEffect, useRef, useState } from "react";
import { tinykeys } from "tinykeys";

const PAGES = [
  { key: "j", to: "/", name: "jobs" },
  { key: "o", to: "/overview", name: "overview" },
  { key: "q", to: "/queues", name: "queues" },
  { key: "k", to: "/kinds", name: "kinds" },
  { key: "w", to: "/workers", name: "workers" },
  { key: "s", to: "/start", name: "start a job" },
] as const;

/** The second key of two comes within this. */
const SEQUENCE_MS = 1_000;
/** Elements of a page that the keys go to. */
const ROW = "main [data-row]";
const SEARCH = "main [data-search]";
const UNDO = "[data-undo]";
const FIND = (which: "next" | "previous") => `main [data-find=${which}]`;

/** Loaded after the page (main.tsx), so that it opens also while the server is away. */
const Palette = lazy(async () => ({ default: (await import("./Palette")).Palette }));
const PALETTE_KEYS = /Mac|iP(hone|ad|od)/.test(navigator.platform) ? "⌘K" : "Ctrl K";

export function Keys({ isAdmin }: { isAdmin: boolean }) {
  const [isHelpOpen, setHelpOpen] = useState(false);
  const [palette, setPalette] = useState<"never" | "open" | "closed">("never");
  const openHelp = useCallback(() => setHelpOpen(true), []);
  const openPalette = useCallback(() => setPalette("open"), []);
  useKeys(openHelp, openPalette);
  return (
    <>
      <button type="button" className="keys-button palette-button" onClick={openPalette}>
        Go to <kbd>{PALETTE_KEYS}</kbd>
      </button>
      <Help isOpen={isHelpOpen} onOpen={setHelpOpen} />
      {palette !== "never" && (
        <Suspense>
          <Palette
            isAdmin={isAdmin}
            isOpen={palette === "open"}
            onOpen={(isWanted) => setPalette(isWanted ? "open" : "closed")}
          />
        </Suspense>
      )}
    </>
  );
}

function useKeys(openHelp: () => void, openPalette: () => void): void {
  const navigate = useNavigate();
  const go = useRef(navigate);
  go.current = navigate;

  // The end of `g j` is no `j`.
  const begun = useRef(Number.NEGATIVE_INFINITY);

  useEffect(() => {
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

/** The list of the keys. */
function Help({ isOpen, onOpen }: { isOpen: boolean; onOpen(isOpen: boolean): void }) {
  return (
    <Dialog.Root open={isOpen} onOpenChange={onOpen}>
      <Dialog.Trigger className="keys-button" aria-label="Keys">
        ?
      </Dialog.Trigger>
      <Dialog.Portal>
        <Dialog.Backdrop className="backdrop" />
        <Dialog.Popup className="dialog">
          <Dialog.Title>Keys</Dialog.Title>
          <dl className="keys">
            <Key keys={PALETTE_KEYS} does="to a page, a kind, a queue or a job by its id" />
            <Key keys="/" does="search" />
            <Key keys="j k" does="to the next and the one before in a list" />
            <Key keys="o" does="open it" />
            <Key keys="n N" does="to the next match in a log, and the one before" />
            <Key keys="u" does="undo what was just asked for" />
            {PAGES.map(({ key, name }) => (
              <Key key={key} keys={`g ${key}`} does={name} />
            ))}
            <Key keys="?" does="this list" />
          </dl>
          <div className="actions">
            <Dialog.Close>Close</Dialog.Close>
          </div>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Key({ keys, does }: { keys: string; does: string }) {
  return (
    <div>
      <dt>
        <kbd>{keys}</kbd>
      </dt>
      <dd>{does}</dd>
    </div>
  );
}

/** Keys are for the page only while nobody types, but for those that write nothing, and no dialog is open over it. */
function unlessBusy(act: () => void, writesNothing = false): (event: KeyboardEvent) => void {
  return (event) => {
    const target = event.target as HTMLElement;
    const isTyping = target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
    if (
      (isTyping && !writesNothing) ||
      event.repeat ||
      document.querySelector('[role="dialog"], [role="alertdialog"]') !== null
    ) {
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
