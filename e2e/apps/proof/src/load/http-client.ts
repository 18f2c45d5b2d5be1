/** An HTTP client that never retries, and remembers of each connection what is needed to explain a request that it lost. */
import { lookup } from "node:dns/promises";
import { Agent, type AgentOptions, type IncomingMessage, request } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { Answers, Failure } from "./report.ts";

const MOST_FAILURES = 200;
const TIMEOUT_MS = 20_000;
const CLOSED_MS = 1_000;

interface Remembered {
  answers: number;
  lastMs: number | undefined;
  pod: string | undefined;
  phase: string | undefined;
  wasAnnounced: boolean;
  finMs: number | undefined;
}

const remembered = new WeakMap<Socket, Remembered>();

/** An agent whose connections are watched from their first moment. */
export function watchedAgent(options: AgentOptions): Agent {
  const agent = new Agent(options);
  const create = agent.createConnection.bind(agent);
  agent.createConnection = (...args: Parameters<typeof create>) => {
    const socket = create(...args) as Socket;
    const memory: Remembered = {
      answers: 0,
      lastMs: undefined,
      pod: undefined,
      phase: undefined,
      wasAnnounced: false,
      finMs: undefined,
    };
    remembered.set(socket, memory);
    socket.once("end", () => {
      memory.finMs = performance.now();
    });
    return socket;
  };
  return agent;
}

export interface Ask {
  readonly kind: string;
  readonly path: string;
  readonly agent: Agent;
  /** Sent with POST, in so many chunks with this pause between two of them. */
  readonly body?: { readonly chunks: readonly string[]; readonly pauseMs: number };
  /** What the answer must have; otherwise it counts as garbled. */
  readonly expect?: (answer: Readonly<Record<string, unknown>>) => boolean;
}

export class HttpClient {
  readonly failures: Failure[] = [];
  readonly #target: URL;
  readonly #kinds = new Map<string, { sent: number; failed: number; timesMs: number[] }>();
  readonly #host: string;

  private constructor(target: URL, host: string) {
    this.#target = target;
    this.#host = host;
  }

  /** The Service's address stays the same: it is looked up once, DNS is not what is loaded. */
  static async open(target: string): Promise<HttpClient> {
    const url = new URL(target);
    return new HttpClient(url, (await lookup(url.hostname, { family: 4 })).address);
  }

  get host(): string {
    return `${this.#host}:${this.#target.port || 80}`;
  }

  /** One request, once. */
  async ask({ agent, body, expect, kind, path }: Ask): Promise<void> {
    const entry = this.#entry(kind);
    entry.sent++;
    const at = Date.now();
    const startMs = performance.now();
    let socket: Socket | undefined;
    const error = await new Promise<string | undefined>((resolve) => {
      const sent = request(
        {
          host: this.#host,
          port: this.#target.port || 80,
          path,
          method: body === undefined ? "GET" : "POST",
          agent,
          headers: { host: this.#target.host },
        },
        (response) => {
          void read(response, expect).then(
            (problem) => {
              noteAnswer(socket, response);
              resolve(problem);
            },
            (cause: NodeJS.ErrnoException) => resolve(`${cause.code ?? cause.message} in the answer`),
          );
        },
      );
      sent.once("socket", (its) => {
        socket = its;
      });
      sent.setTimeout(TIMEOUT_MS, () => sent.destroy(new Error("timeout")));
      sent.on("error", (cause: NodeJS.ErrnoException) => resolve(cause.code ?? cause.message));
      // A connection may go without an error; the answer, if there was one, is read by then.
      sent.once("close", () => setTimeout(() => resolve("closed without an answer"), CLOSED_MS));
      void write(sent, body);
    });
    const afterMs = performance.now() - startMs;
    entry.timesMs.push(afterMs);
    if (error === undefined) return;
    entry.failed++;
    if (this.failures.length >= MOST_FAILURES) return;
    const memory = socket === undefined ? undefined : remembered.get(socket);
    const since = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : startMs - ms);
    this.failures.push({
      kind,
      method: body === undefined ? "GET" : "POST",
      error,
      at,
      afterMs,
      port: socket?.localPort,
      answersBefore: memory?.answers ?? 0,
      idleMs: since(memory?.lastMs),
      lastPod: memory?.pod,
      lastPhase: memory?.phase,
      wasAnnounced: memory?.wasAnnounced ?? false,
      finBeforeMs: since(memory?.finMs),
    });
  }

  get sent(): number {
    return [...this.#kinds.values()].reduce((sum, { sent }) => sum + sent, 0);
  }

  get failed(): number {
    return [...this.#kinds.values()].reduce((sum, { failed }) => sum + failed, 0);
  }

  answers(): Record<string, Answers> {
    return Object.fromEntries([...this.#kinds].map(([kind, entry]) => [kind, answersOf(entry)]));
  }

  #entry(kind: string): { sent: number; failed: number; timesMs: number[] } {
    const entry = this.#kinds.get(kind) ?? { sent: 0, failed: 0, timesMs: [] };
    this.#kinds.set(kind, entry);
    return entry;
  }
}

async function write(to: ReturnType<typeof request>, body: Ask["body"]): Promise<void> {
  for (const [index, chunk] of (body?.chunks ?? []).entries()) {
    if (index > 0) await delay(body?.pauseMs);
    // It has failed already, and said so.
    if (to.destroyed) return;
    to.write(chunk);
  }
  to.end();
}

/** @returns what is wrong with the answer. */
async function read(response: IncomingMessage, expect: Ask["expect"]): Promise<string | undefined> {
  let text = "";
  for await (const chunk of response.setEncoding("utf8") as AsyncIterable<string>) text += chunk;
  if (response.statusCode !== 200) return `HTTP ${response.statusCode} ${text.slice(0, 80)}`;
  if (expect === undefined) return undefined;
  return expect(JSON.parse(text) as Record<string, unknown>) ? undefined : `garbled: ${text.slice(0, 80)}`;
}

function noteAnswer(socket: Socket | undefined, { headers }: IncomingMessage): void {
  const memory = socket === undefined ? undefined : remembered.get(socket);
  if (memory === undefined) return;
  memory.answers++;
  memory.lastMs = performance.now();
  memory.pod = headers["x-pod"] as string | undefined;
  memory.phase = headers["x-phase"] as string | undefined;
  memory.wasAnnounced = headers.connection === "close";
}

function answersOf({ failed, sent, timesMs }: { sent: number; failed: number; timesMs: number[] }): Answers {
  const sorted = timesMs.toSorted((a, b) => a - b);
  const at = (part: number): number => Math.round(sorted[Math.floor((sorted.length - 1) * part)] ?? 0);
  return { sent, answered: timesMs.length - failed, failed, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}
