// A program that a test runs: what it says, awaited as it comes, and how it ends.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

export class Program {
  /** All that it wrote, to either stream. */
  said = "";
  private readonly child: ChildProcess;
  private readonly closed: Promise<unknown[]>;
  private isGone = false;
  private heard: () => void = () => undefined;

  constructor(command: string, args: string[], options: { env: NodeJS.ProcessEnv; cwd: string }) {
    const child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    this.child = child;
    this.closed = once(child, "close");
    // Whoever waits for its end is told; nobody need.
    this.closed.catch(() => undefined);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.said += text;
        this.heard();
      });
    }
    child.once("close", () => {
      this.isGone = true;
      this.heard();
    });
  }

  /** Waits until it has said this. */
  async says(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.said)) {
      if (this.isGone) {
        throw new Error(`it ended without a word of ${pattern}:\n${this.said}`);
      }
      await new Promise<void>((heard) => {
        this.heard = heard;
      });
    }
  }

  /** Waits for this, which cannot come once it has ended. */
  async sees<T>(what: Promise<T>): Promise<T> {
    const ended = this.closed.then(() => {
      throw new Error(`it ended before its time:\n${this.said}`);
    });
    return await Promise.race([what, ended]);
  }

  /** Waits for its end; its exit code, `null` where a signal ended it. */
  async ended(): Promise<number | null> {
    await this.closed;
    return this.child.exitCode;
  }

  /** Ends it, if it still runs. */
  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.closed;
  }
}
