// The test of every file: a server of its own, and a page that may have no fault which the test does not expect.

import { test as base, expect } from "@playwright/test";
import { oneSlot } from "./kinds";
import { Server } from "./server";

/** What went wrong in a page without anybody having looked. */
export class Faults {
  readonly seen: string[] = [];
  private expected: RegExp[] = [];

  /** From now on, such a fault is what the test is about. */
  expect(...patterns: RegExp[]): void {
    this.expected.push(...patterns);
  }

  unexpected(): string[] {
    return this.seen.filter((fault) => !this.expected.some((pattern) => pattern.test(fault)));
  }
}

type Fixtures = {
  config: string;
  server: Server;
  faults: Faults;
};

export const test = base.extend<Fixtures>({
  config: [oneSlot, { option: true }],
  server: async ({ config }, use) => {
    const server = await Server.start(config);
    await use(server);
    await server.remove();
  },
  baseURL: async ({ server }, use) => {
    await use(server.url);
  },
  faults: [
    async ({ context }, use) => {
      const faults = new Faults();
      context.on("console", (message) => {
        if (message.type() === "error" || message.type() === "warning") {
          faults.seen.push(`console: ${message.text()} (${message.location().url})`);
        }
      });
      context.on("weberror", (error) => faults.seen.push(`exception: ${error.error().stack}`));
      context.on("requestfailed", (request) => {
        const why = request.failure()?.errorText;
        // The browser itself gives up what a page still loads when it is left.
        if (why !== "net::ERR_ABORTED") {
          faults.seen.push(`failed: ${request.url()} ${why}`);
        }
      });
      context.on("response", (response) => {
        if (response.status() >= 400) {
          faults.seen.push(`answered ${response.status()}: ${response.url()}`);
        }
      });
      await use(faults);
      expect(faults.unexpected(), "faults of the page").toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };
