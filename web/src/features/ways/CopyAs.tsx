// Opens what the page shows, or does, by other ways.

import { type ReactNode, Suspense } from "react";
import { later, useOpening } from "../../components/later";
import type { Target, Way } from "./ways";

const CopyDialog = later(async () => (await import("./CopyDialog")).CopyDialog);

export interface Copies {
  title: string;
  /** What can be copied, by what it does; the first is shown at first. */
  choices: readonly { name: string; of(target: Target): readonly Way[] }[];
  children?: ReactNode;
}

export function CopyAs(copies: Copies) {
  const { wasWanted, isOpen, set } = useOpening();
  return (
    <>
      <button type="button" aria-haspopup="dialog" onClick={() => set(true)}>
        Copy as…
      </button>
      <Suspense>{wasWanted && <CopyDialog {...copies} isOpen={isOpen} onOpen={set} />}</Suspense>
    </>
  );
}
