/** Requests in an open loop: the next one is sent whether or not the last one was answered, and none is sent twice. */
import { Agent, request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { RequestKind, RequestRecord } from "./log.ts";

const TIMEOUT_MS = 5_000;
const READ = "/api/articles?limit=5";
const WRITE = "/api/break/serve-stale";
const IDLERS = 10;
/** No multiple of it is near 6 s, when servers of Node.js close idle connections: that race is not what is compared. */
const IDLE_STEP_MS = 900;

/** Of one kind. */
interface Loop {
  readonly kind: RequestKind;
  readonly perSecond: number;
  readonly method: "GET" | "POST";
  readonly agent: () => Agent;
}

export class Requests {
  readonly records: RequestRecord[] = [];
  readonly #target: URL;
  readonly #host: string;
  readonly #now: () => number;

  /** `host`: the address of the target, looked up once: names are not what is measured. */
  constructor(target: URL, host: string, now: () => number) {
    this.#target = target;
    this.#host = host;
    this.#now = now;
  }

  /** Goes on until it is over, and then waits for what is under way. */
  async run(over: AbortSignal): Promise<void> {
    const kept = new Agent({ keepAlive: true });
    const keep = (): Agent => kept;
    const loops: readonly Loop[] = [
      { kind: "keep-alive", perSecond: 40, method: "GET", agent: keep },
      { kind: "new connection", perSecond: 20, method: "GET", agent: () => new Agent({ keepAlive: false }) },
      { kind: "post", perSecond: 20, method: "POST", agent: keep },
    ];
    const idlers = Array.from({ length: IDLERS }, (_, index) => this.#idle(index, over));
    await Promise.all([...loops.map((loop) => this.#loop(loop, over)), ...idlers]);
    kept.destroy();
  }

  async #loop({ agent, kind, method, perSecond }: Loop, over: AbortSignal): Promise<void> {
    const startAt = this.#now();
    const asked: Promise<void>[] = [];
    for (let count = 0; !over.aborted; count++) {
      asked.push(this.#ask(kind, method, agent()));
      // By the clock and not by pauses, so that a late turn does not make the load smaller.
      await delay(Math.max(0, startAt + ((count + 1) * 1_000) / perSecond - this.#now()));
    }
    await Promise.all(asked);
  }

  /** Keeps a connection and is silent for a while between two requests. */
  async #idle(index: number, over: AbortSignal): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    while (!over.aborted) {
      await this.#ask("idle", "GET", agent);
      await delay((index + 1) * IDLE_STEP_MS, undefined, { signal: over }).catch(() => undefined);
    }
    agent.destroy();
  }

  async #ask(kind: RequestKind, method: "GET" | "POST", agent: Agent): Promise<void> {
    const at = this.#now();
    const error = await new Promise<string | undefined>((resolve) => {
      const options = {
        host: this.#host,
        port: this.#target.port || 80,
        path: method === "GET" ? READ : WRITE,
        method,
        agent,
        headers: { host: this.#target.host },
      };
      let isAnswered = false;
      const sent = request(options, (response) => {
        isAnswered = true;
        response.on("error", (cause: NodeJS.ErrnoException) => resolve(`${cause.code ?? cause.message} in the answer`));
        response.on("end", () => resolve(response.statusCode === 200 ? undefined : `HTTP ${response.statusCode}`));
        response.resume();
      });
      // Of the whole request: a connection that was cut is silent.
      const limit = setTimeout(() => sent.destroy(new Error("timeout")), TIMEOUT_MS);
      sent.on("error", (cause: NodeJS.ErrnoException) => resolve(cause.code ?? cause.message));
      sent.on("close", () => {
        clearTimeout(limit);
        // A connection may go without an error, say for a protocol that nobody asked for.
        if (!isAnswered) resolve("closed without an answer");
      });
      sent.end();
    });
    this.records.push({ kind, at, tookMs: Math.round(this.#now() - at), error });
  }
}
