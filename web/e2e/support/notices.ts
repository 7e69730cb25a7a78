// What can be undone, for as long as a test needs.

import type { Page } from "@playwright/test";
import { UNDO_MS } from "../../src/features/undo/notices";

/** In what is opened from now on nothing is over by itself: a busy machine may need longer than a reader is given. */
export async function neverOver(page: Page): Promise<void> {
  await page.addInitScript((millis) => {
    const start = window.setTimeout.bind(window);
    const unlessOver = (act: () => void, after?: number) => (after === millis ? 0 : start(act, after));
    Object.assign(window, { setTimeout: unlessOver });
  }, UNDO_MS);
}
