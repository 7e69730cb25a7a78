// A machine that is busy, as far as a page can tell: its frames do not come, and it is told late what a reader did.

import type { CDPSession, Page } from "@playwright/test";

/** From now on no frame comes, until the function that it returns is called. */
export async function holdFrames(page: Page): Promise<() => Promise<void>> {
  await page.evaluate(() => {
    const frames = window.requestAnimationFrame;
    const held: FrameRequestCallback[] = [];
    window.requestAnimationFrame = (frame) => held.push(frame);
    const release = () => {
      window.requestAnimationFrame = frames;
      held.forEach(frames);
    };
    window.addEventListener("frames", release, { once: true });
  });
  return () => page.evaluate(() => void window.dispatchEvent(new Event("frames")));
}

/** Waits until what the page looks like now is drawn. */
export async function drawn(page: Page): Promise<void> {
  await page.evaluate(
    () => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))),
  );
}

/** The page does nothing else for so long. */
export async function block(page: Page, millis: number): Promise<void> {
  await page.evaluate((millis) => {
    const until = performance.now() + millis;
    while (performance.now() < until) {
      // Busy.
    }
  }, millis);
}

/** A reader's hands: when each key was pressed is the test's to say, whenever the page is told. */
export class Hands {
  private readonly session: CDPSession;
  private at = Date.now();

  private constructor(session: CDPSession) {
    this.session = session;
  }

  static async at(page: Page): Promise<Hands> {
    return new Hands(await page.context().newCDPSession(page));
  }

  /** Presses the key of a letter, so long after the one before. */
  async press(key: string, after: number): Promise<void> {
    this.at += after;
    const code = key.toUpperCase().charCodeAt(0);
    const which = {
      key,
      code: `Key${key.toUpperCase()}`,
      windowsVirtualKeyCode: code,
      timestamp: this.at / 1_000,
    };
    await this.session.send("Input.dispatchKeyEvent", { type: "keyDown", text: key, ...which });
    await this.session.send("Input.dispatchKeyEvent", { type: "keyUp", ...which });
  }
}

/** Waits until all that the pages are made of has come: from then on they need their server for what they show only. */
export async function allLoaded(page: Page): Promise<void> {
  await page.waitForFunction(() => performance.getEntriesByName("all-loaded").length > 0);
}
