// The real binary as a server: a folder and a port of its own, awaited by what it says, always ended by its process id.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

export const binary = resolve(
  process.env.LONGHAUL_BIN ?? resolve(import.meta.dirname, "../../../target/debug/longhaul"),
);

export class Server {
  /** Its configuration, its data, and what a test puts beside them. */
  readonly folder: string;
  /** Where it is reached: the same before and after a restart. */
  url = "";
  /** The token that the test itself shows, where the server asks for one. */
  token: string | null = null;
  /** All that it wrote to standard error. */
  said = "";
  private child: ChildProcess | null = null;
  private readonly lasts: (() => Promise<void> | undefined)[] = [];

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Starts a server with this configuration on a free port. */
  static async start(config: string): Promise<Server> {
    const server = new Server(await mkdtemp(join(tmpdir(), "longhaul-e2e-")));
    await writeFile(join(server.folder, "longhaul.toml"), config);
    await server.launch("127.0.0.1:0");
    return server;
  }

  /** Starts it again on the same folder and port. */
  async startAgain(): Promise<void> {
    await this.launch(new URL(this.url).host);
  }

  /** Ends it at once, as a power cut does. */
  async kill(): Promise<void> {
    await this.end("SIGKILL");
  }

  /** Asks it to stop, and waits until it did. */
  async stop(): Promise<void> {
    await this.end("SIGTERM");
  }

  /** Does this before it is removed. */
  atEnd(last: () => Promise<void> | undefined): void {
    this.lasts.push(last);
  }

  /** Ends it, and removes what it left. */
  async remove(): Promise<void> {
    await this.end("SIGKILL");
    for (const last of this.lasts) {
      await last();
    }
    // The supervisors see that their server is gone and empty their folders meanwhile.
    await rm(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  /** The data of an operation that must not fail. */
  async ask<T>(query: string, variables: object = {}): Promise<T> {
    const answer = await fetch(`${this.url}/graphql`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(this.token !== null && { authorization: `Bearer ${this.token}` }),
      },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await answer.json()) as { data: T; errors?: unknown };
    if (errors !== undefined) {
      throw new Error(`${query}: ${JSON.stringify(errors)}`);
    }
    return data;
  }

  /** Starts a job and returns its id. */
  async startJob(kind: string, args: object = {}): Promise<string> {
    const data = await this.ask<{ startJob: { job: { id: string } } }>(
      "mutation($input: StartJobInput!) { startJob(input: $input) { job { id } } }",
      { input: { kind, args } },
    );
    return data.startJob.job.id;
  }

  /** Waits for a job's end; returns its exit code, or what stands for it. */
  async ended(id: string): Promise<number | null> {
    const child = spawn(binary, ["--server", this.url, "wait", id], { stdio: "ignore", env: this.env() });
    const [code] = (await once(child, "exit")) as [number | null];
    return code;
  }

  /** From now on it asks everybody for a token. */
  async askForTokens(): Promise<void> {
    this.token = await this.makeToken("root", "admin");
  }

  /** Makes a token with this scope. */
  async makeToken(name: string, scope: string): Promise<string> {
    return (await this.run("token", "create", name, "--scope", scope)).trim();
  }

  /** Makes a token that sees this one job. */
  async share(id: string): Promise<string> {
    return (await this.run("share", id)).trim();
  }

  /** Makes a token worth nothing. */
  async revoke(name: string): Promise<void> {
    await this.run("token", "revoke", name);
  }

  /** What a command prints that must not fail. */
  private async run(...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(binary, ["--server", this.url, ...args], {
      env: this.env(),
    });
    return stdout;
  }

  /** A variable of whoever runs the tests must not configure the server or its clients. */
  private env(): NodeJS.ProcessEnv {
    const token = this.token === null ? {} : { LONGHAUL_TOKEN: this.token };
    return { PATH: process.env.PATH ?? "", HOME: this.folder, ...token };
  }

  private async launch(address: string): Promise<void> {
    const args = ["serve", "--listen", address, "--config", join(this.folder, "longhaul.toml")];
    const child = spawn(binary, [...args, "--data", join(this.folder, "data")], {
      env: this.env(),
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.child = child;
    if (child.stderr === null) {
      throw new Error("its standard error is a pipe");
    }
    this.url = await new Promise((listening, failed) => {
      createInterface({ input: child.stderr as NodeJS.ReadableStream }).on("line", (line) => {
        this.said += `${line}\n`;
        const url = / listening on (http:\S+)/.exec(line)?.[1];
        if (url !== undefined) {
          listening(url);
        }
      });
      child.once("error", failed);
      child.once("exit", (code) => failed(new Error(`${binary} ended with ${code}:\n${this.said}`)));
    });
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.child;
    this.child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) {
      return;
    }
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }
}
