/**
 * A real Erlang node as an oracle: one `erl` for a test file, asked through frames of four bytes of length on its
 * standard input and output. `random` has it make a term, `read` has it read ours.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Why there is no Erlang here, in one line; undefined where there is one. In CI its absence is a failure. */
export function erlangMissing(): string | undefined {
  try {
    execFileSync("erl", ["-noshell", "-eval", "halt()."], { stdio: "ignore" });
    return undefined;
  } catch {
    if (process.env["CI"] !== undefined) throw new Error("erl is missing, and CI must not go without it");
    return "erl is not on the PATH (Debian: apt-get install erlang-base)";
  }
}

export interface RandomTerm {
  /** Of `term_to_binary(Term, [{minor_version, 2}])`. */
  readonly canonical: Uint8Array;
  /** The same term by other options: minor version 1, compressed, deterministic. */
  readonly variants: readonly Uint8Array[];
}

export class Erlang implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #waiting: { resolve(frame: Buffer): void; reject(error: Error): void }[] = [];
  #ended: string | undefined;
  #received: Buffer = Buffer.alloc(0);

  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), "interlock-oracle-"));
    execFileSync("erlc", ["-o", this.#folder, join(import.meta.dirname, "fixtures", "oracle.erl")]);
    this.#child = spawn("erl", ["-noinput", "-pa", this.#folder, "-s", "oracle"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#child.once("exit", (code) => {
      this.#ended = `Erlang ended with ${code}`;
      for (const waiting of this.#waiting) waiting.reject(new Error(this.#ended));
    });
    this.#child.stdout?.on("data", (chunk: Buffer) => this.#receive(chunk));
  }

  async random(seed: number): Promise<RandomTerm> {
    const question = Buffer.alloc(5);
    question.write("g");
    question.writeUInt32BE(seed, 1);
    const [canonical, ...variants] = parts(await this.#ask(question));
    if (canonical === undefined) throw new Error(`no term for the seed ${seed}`);
    return { canonical, variants };
  }

  /** What Erlang makes of our bytes: its own bytes for the same term, and the term as it prints it. */
  async read(bytes: Uint8Array): Promise<{ readonly canonical: Uint8Array; readonly printed: string }> {
    const [canonical, printed] = parts(await this.#ask(Buffer.concat([Buffer.from("r"), bytes])));
    if (canonical === undefined || printed === undefined) throw new Error("Erlang refused the bytes");
    return { canonical, printed: Buffer.from(printed).toString() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.stdin?.end();
    await closed;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #ask(question: Buffer): Promise<Buffer> {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(question.length);
    this.#child.stdin?.write(Buffer.concat([length, question]));
    if (this.#ended !== undefined) throw new Error(this.#ended);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 4) {
      const end = 4 + this.#received.readUInt32BE(0);
      if (this.#received.length < end) return;
      this.#waiting.shift()?.resolve(this.#received.subarray(4, end));
      this.#received = this.#received.subarray(end);
    }
  }
}

/** Each part of a reply has four bytes of length before it. */
function parts(frame: Buffer): Uint8Array[] {
  const all: Uint8Array[] = [];
  for (let at = 0; at < frame.length; ) {
    const end = at + 4 + frame.readUInt32BE(at);
    all.push(frame.subarray(at + 4, end));
    at = end;
  }
  return all;
}
