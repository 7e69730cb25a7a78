// Browser tests: the real binary, the pages inside it, and the machine's own Chromium.

import { defineConfig } from "@playwright/test";

export default defineConfig({
  testDir: "e2e",
  outputDir: "test-results",
  // A deadline that no passing test comes near: they wait for what they see, never for a time.
  // Beside a build and three busy loops on two processors the slowest took more than 90 s.
  timeout: 300_000,
  expect: { timeout: 60_000 },
  // A test that passes the second time only has failed.
  retries: 0,
  forbidOnly: process.env.CI !== undefined,
  fullyParallel: true,
  workers: 2,
  reporter: [["list"]],
  use: {
    screenshot: "only-on-failure",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [
        // As root there is no sandbox of its own.
        ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        // The network is cut: nothing but this machine has an address, under some names of elsewhere too.
        `--host-resolver-rules=${[
          ...["evil.example", "evil.localhost", "rebind.example", "jobs.lan"].map(
            (name) => `MAP ${name} 127.0.0.1`,
          ),
          "MAP * ~NOTFOUND",
          "EXCLUDE 127.0.0.1",
          "EXCLUDE localhost",
        ].join(", ")}`,
      ],
    },
  },
});
