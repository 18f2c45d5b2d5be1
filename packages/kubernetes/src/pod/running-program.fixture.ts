/** The program of `pod-program.fixture.ts` as another program of this machine: what it says, and how it ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach } from "vitest";

const fixture = fileURLToPath(new URL("pod-program.fixture.ts", import.meta.url));
const command = [process.execPath, "--conditions=@interlock/source", fixture];

export interface Ports {
  readonly management: number;
  readonly port: number;
  readonly pid: number;
  readonly heapMiB: number;
}

/** The program, its lines and its end. */
export class Program {
  readonly child: ChildProcess;
  readonly said: object[] = [];
  readonly told: string[] = [];
  readonly ended: Promise<number | NodeJS.Signals | null>;
  #changed: () => void = () => undefined;

  constructor(environment: Record<string, string> = {}, wrapper: readonly string[] = []) {
    const [file = "", ...args] = [...wrapper, ...command];
    this.child = spawn(file, args, {
      env: { ...process.env, NODE_OPTIONS: "", INTERLOCK_DRAIN: "settle=0.2,requests=3", ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const read = (stream: NodeJS.ReadableStream | null, line: (text: string) => void): void => {
      if (stream === null) return;
      createInterface(stream).on("line", (text) => {
        line(text);
        this.#changed();
      });
    };
    read(this.child.stdout, (text) => this.said.push(JSON.parse(text) as object));
    read(this.child.stderr, (text) => this.told.push(text));
    this.ended = once(this.child, "close").then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
    programs.push(this);
  }

  async until<T>(look: () => T | undefined): Promise<T> {
    const ended = this.ended.then(() => true);
    for (let isOver = false; ; ) {
      const found = look();
      if (found !== undefined) return found;
      if (isOver) throw new Error(`It has ended: ${this.told.join("\n")}`);
      const changed = new Promise<false>((resolve) => {
        this.#changed = () => resolve(false);
      });
      isOver = await Promise.race([changed, ended]);
    }
  }

  ports(): Promise<Ports> {
    return this.until(() => this.said.find((one): one is Ports => "management" in one));
  }

  tells(text: string): Promise<string> {
    return this.until(() => this.told.find((line) => line.includes(text)));
  }
}

const programs: Program[] = [];
afterEach(async () => {
  for (const { child } of programs) child.kill("SIGKILL");
  await Promise.all(programs.splice(0).map(({ ended }) => ended));
});

export async function get(
  port: number,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; connection: string | null; body: unknown }> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
  const body: unknown = await response.json().catch(() => undefined);
  return { status: response.status, connection: response.headers.get("connection"), body };
}
