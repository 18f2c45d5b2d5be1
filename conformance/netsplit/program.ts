/** A program of its own on one of the hosts: it can be asked, stopped for a while, and killed. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Answer, Told } from "./control.ts";
import type { Network } from "./network.ts";

const LIMIT_MS = 20_000;

export class Program implements AsyncDisposable {
  readonly events: Told[] = [];
  readonly #child: ChildProcess;
  readonly name: string;
  readonly #asked = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #ended: Promise<unknown>;
  #count = 0;
  #errors = "";

  private constructor(name: string, child: ChildProcess) {
    this.name = name;
    this.#child = child;
    this.#ended = once(child, "exit").then(() => this.#over());
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#errors += text;
    });
    if (child.stdout === null) throw new Error("no pipe");
    createInterface({ input: child.stdout }).on("line", (line) => this.#line(line));
  }

  /** Resolves when it says that it is ready. */
  static async start(network: Network, on: string, file: string, config: object): Promise<Program> {
    const args = ["--conditions=@interlock/source", join(import.meta.dirname, file), JSON.stringify(config)];
    const [command, all] = network.command(on, process.execPath, args);
    const program = new Program(on, spawn(command, all, { stdio: ["pipe", "pipe", "pipe"] }));
    await program.ask("ready");
    return program;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Its latest reports, and what it has written to stderr. */
  complaints(): string {
    const reports = this.told("report")
      .slice(-8)
      .map(({ details, text }) => `${text} ${details}`);
    return [...reports, this.#errors].join("\n  ");
  }

  /** Rejects with what the operation failed with; also when it takes unreasonably long, or the program ends. */
  async ask<T>(operation: string, ...args: readonly unknown[]): Promise<T> {
    const id = ++this.#count;
    const asked = Promise.withResolvers<unknown>();
    this.#asked.set(id, asked);
    const limit = setTimeout(() => asked.reject(new Error(`${this.name} does not answer ${operation}`)), LIMIT_MS);
    if (this.running) this.#child.stdin?.write(`${JSON.stringify({ id, operation, args })}\n`);
    else this.#over();
    try {
      return (await asked.promise) as T;
    } finally {
      clearTimeout(limit);
      this.#asked.delete(id);
    }
  }

  told(event: string): readonly Told[] {
    return this.events.filter((one) => one.event === event);
  }

  /** SIGSTOP: it does nothing, and does not know it. */
  freeze(): void {
    this.#child.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child.kill("SIGCONT");
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  #line(line: string): void {
    const said = JSON.parse(line) as Answer | Told;
    if (!("id" in said)) return void this.events.push(said as Told);
    const asked = this.#asked.get(said.id as number);
    if ("error" in said) asked?.reject(new Error(String(said.error)));
    else asked?.resolve((said as { value: unknown }).value);
  }

  #over(): void {
    for (const { reject } of this.#asked.values()) reject(new Error(`${this.name} has ended: ${this.#errors}`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) await this.kill();
  }
}
