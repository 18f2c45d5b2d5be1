/**
 * Visitors, in a pod of their own: each asks once and never again, and an open loop sends the next ones whether or not the last
 * have their answers. Half of the requests are POSTs. The tests tell it by HTTP whom to visit, and ask what came of it.
 */
import { Agent, type ClientRequest, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

export interface Visit {
  /** By name: where they go. */
  readonly targets: Readonly<Record<string, string>>;
  /** Of each target. */
  readonly perSecond: number;
  /** Connections of each target that are idle for 1 to 60 s between two requests. */
  readonly idlers: number;
  /**
   * Whether new connections come from ports that none came from before, as from many visitors. One address that uses a port again
   * within two minutes is sent to where its first connection from there was, be that pod gone: by the tracking of connections.
   */
  readonly ownPorts?: boolean;
}

export interface Tally {
  sent: number;
  answered: number;
  /** Epoch, milliseconds. */
  readonly failures: { readonly at: number; readonly kind: string; readonly error: string; readonly afterMs: number }[];
}

const PORT = 8_081;
const LIMIT_MS = 15_000;
const CHUNKS = 5;
const SLOW_EVERY_MS = 200;
/** Below those that the system takes by itself. */
const OWN_PORTS = { first: 10_000, count: 22_000 };

let ending = new AbortController();
let loops: Promise<unknown>[] = [];
const tallies: Record<string, Tally> = {};

async function ask(
  tally: Tally,
  kind: string,
  url: string,
  method: "GET" | "POST",
  agent: Agent,
  body: string[],
  localPort?: number,
): Promise<void> {
  const at = Date.now();
  tally.sent++;
  const error = await new Promise<string | undefined>((resolve) => {
    let isAnswered = false;
    const sent = request(url, { method, agent, ...(localPort !== undefined && { localPort }) }, (response) => {
      isAnswered = true;
      response.on("error", (cause: NodeJS.ErrnoException) => resolve(`${cause.code ?? cause.message} in the answer`));
      response.on("end", () => resolve(response.statusCode === 200 ? undefined : `HTTP ${response.statusCode}`));
      response.resume();
    });
    const limit = setTimeout(() => sent.destroy(new Error("timeout")), LIMIT_MS);
    sent.on("error", (cause: NodeJS.ErrnoException) => resolve(cause.code ?? cause.message));
    sent.on("close", () => {
      clearTimeout(limit);
      // A connection may go without an error, say for a protocol that nobody asked for.
      if (!isAnswered) resolve("closed without an answer");
    });
    void write(sent, body);
  });
  if (error === undefined) tally.answered++;
  else tally.failures.push({ at, kind, error, afterMs: Date.now() - at });
}

/** Several pieces are an upload that takes its time. */
async function write(sent: ClientRequest, pieces: readonly string[]): Promise<void> {
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) await delay(100);
    // It has failed already, and said so.
    if (sent.destroyed) return;
    sent.write(piece);
  }
  sent.end();
}

async function loop(everyMs: number, act: (count: number) => Promise<void>): Promise<void> {
  const under = new Set<Promise<void>>();
  const startMs = performance.now();
  for (let count = 0; !ending.signal.aborted; count++) {
    const one = act(count).finally(() => under.delete(one));
    under.add(one);
    // By the clock, so that what was late is made up for.
    await delay(Math.max(0, startMs + (count + 1) * everyMs - performance.now()));
  }
  await Promise.all(under);
}

async function idler(tally: Tally, url: string, index: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const idleMs = 1_000 + ((index * 7_919) % 59_000);
  while (!ending.signal.aborted) {
    await ask(tally, `idle ${Math.round(idleMs / 1_000)} s`, url, index % 2 === 0 ? "GET" : "POST", agent, []);
    await delay(idleMs, undefined, { signal: ending.signal }).catch(() => undefined);
  }
  agent.destroy();
}

function begin({ idlers, ownPorts = false, perSecond, targets }: Visit): void {
  ending = new AbortController();
  loops = Object.entries(targets).flatMap(([name, url]) => {
    tallies[name] = { sent: 0, answered: 0, failures: [] };
    const tally = tallies[name];
    const [kept, slow, uploads] = [1, 2, 3].map(() => new Agent({ keepAlive: true })) as [Agent, Agent, Agent];
    const method = (count: number): "GET" | "POST" => (count % 2 === 0 ? "GET" : "POST");
    const body = (count: number): string[] => (count % 2 === 0 ? [] : ["a letter"]);
    const upload = Array.from({ length: CHUNKS }, () => "x".repeat(2_000));
    return [
      loop(2_000 / perSecond, (count) => ask(tally, "kept", `${url}/`, method(count), kept, body(count))),
      loop(2_000 / perSecond, (count) =>
        ask(
          tally,
          "new",
          `${url}/`,
          method(count),
          new Agent({ keepAlive: false }),
          body(count),
          ownPorts ? OWN_PORTS.first + (count % OWN_PORTS.count) : undefined,
        ),
      ),
      loop(SLOW_EVERY_MS, (count) => ask(tally, "slow", `${url}/slow`, method(count), slow, body(count))),
      loop(SLOW_EVERY_MS, () => ask(tally, "upload", `${url}/`, "POST", uploads, upload)),
      ...Array.from({ length: idlers }, (_, index) => idler(tally, `${url}/`, index)),
    ];
  });
}

async function answerTo(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
  let text = "";
  for await (const chunk of asked) text += chunk;
  if (asked.url === "/begin") begin(JSON.parse(text) as Visit);
  if (asked.url === "/end") {
    ending.abort();
    await Promise.all(loops);
  }
  answer.end(JSON.stringify(tallies));
}

createServer((asked, answer) => void answerTo(asked, answer)).listen(PORT);
