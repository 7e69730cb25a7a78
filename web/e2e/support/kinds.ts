// The kinds of the tests. What a `gated` job prints, and when it ends, is the test's to say.

import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Server } from "./server";

export const oneSlot = `
[worker]
slots = 1

[kinds.gated]
title = "Gated work"
description = "Prints what comes through a pipe, and ends with it"
command = ["cat", "{pipe}"]
grace = "1s"

[kinds.gated.args]
type = "object"
required = ["pipe"]
additionalProperties = false
properties.pipe = { type = "string", title = "Pipe", minLength = 1 }
properties.times = { type = "integer", title = "Times", minimum = 1, maximum = 9 }

[kinds.gated.progress]
pattern = '(?P<percent>\\d+)%'

[kinds.script]
description = "Runs a shell script"
command = ["sh", "-c", "{script}"]
[kinds.script.args]
type = "object"
required = ["script"]
additionalProperties = false
properties.script = { type = "string", title = "Script" }
`;

/** A pipe that a `gated` job reads. */
export class Gate {
  readonly path: string;
  private writer: FileHandle | null = null;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(server: Server, name: string): Promise<Gate> {
    const path = join(server.folder, name);
    await promisify(execFile)("mkfifo", [path]);
    const gate = new Gate(path);
    server.atEnd(() => gate.leave());
    return gate;
  }

  private async leave(): Promise<void> {
    await this.writer?.close();
    // A job that never came leaves a `print` that waits for it, and the process of the tests with it.
    const reader = await open(this.path, constants.O_RDONLY | constants.O_NONBLOCK);
    await reader.close();
  }

  /** Lets the job print this; waits until it runs. */
  async print(text: string): Promise<void> {
    this.writer ??= await open(this.path, "w");
    await this.writer.write(text);
  }

  /** Waits for a further attempt that reads the pipe, and leaves the one before. */
  async reopen(): Promise<void> {
    const before = this.writer;
    // Opened first: were the pipe without a writer for a moment, the new reader would take that for its end.
    this.writer = await open(this.path, "w");
    await before?.close();
  }

  /** Lets the job end. */
  async close(): Promise<void> {
    this.writer ??= await open(this.path, "w");
    await this.writer.close();
    this.writer = null;
  }
}
