/**
 * Load from inside a pod, by clients that never retry: prints one line of JSON when SECONDS are over. Half of the requests are
 * POSTs. WebSocket clients talk as the newsroom's page does: each message has an id, and goes out again after a reconnect.
 */
import { randomUUID } from "node:crypto";
import { Agent, request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { WebSocket } from "ws";

const { TARGET = "http://newsroom", SECONDS = "60", TALKERS = "6" } = process.env;
const endAt = performance.now() + Number(SECONDS) * 1_000;
const busy = new Agent({ keepAlive: true });
const counts = {};
const failures = {};

function count(kind, error) {
  counts[kind] = (counts[kind] ?? 0) + 1;
  if (error !== undefined) failures[`${kind}: ${error}`] = (failures[`${kind}: ${error}`] ?? 0) + 1;
}

/** One request, once. */
function ask(kind, method, path, agent, body) {
  return new Promise((resolve) => {
    const sent = request(new URL(path, TARGET), { method, agent, timeout: 20_000 }, (response) => {
      response.resume();
      response.on("end", () => done(response.statusCode < 400 ? undefined : `HTTP ${response.statusCode}`));
      response.on("error", (error) => done(error.code ?? error.message));
    });
    const done = (error) => {
      count(kind, error);
      resolve();
    };
    sent.on("timeout", () => sent.destroy(new Error("timeout")));
    sent.on("error", (error) => done(error.code ?? error.message));
    sent.end(body);
  });
}

/** An open loop: the next one goes out whether or not the last one has come back. */
async function loop(everyMs, act) {
  const all = [];
  while (performance.now() < endAt) {
    all.push(act());
    await delay(everyMs);
  }
  await Promise.all(all);
}

const feed = JSON.stringify({});
const loops = [
  loop(10, () => ask("busy GET", "GET", "/api/articles?limit=5", busy)),
  loop(10, () => ask("busy POST", "POST", "/api/break/serve-stale", busy, feed)),
  loop(20, () => ask("new GET", "GET", "/api/articles?limit=5", new Agent({ keepAlive: false }))),
  loop(20, () => ask("new POST", "POST", "/api/break/serve-stale", new Agent({ keepAlive: false }), feed)),
];

/** Keeps a connection, idle for a while between two requests. */
async function idler(index) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  while (performance.now() < endAt) {
    await ask(
      "idle",
      index % 2 === 0 ? "GET" : "POST",
      index % 2 === 0 ? "/api/articles?limit=1" : "/api/break/serve-stale",
      agent,
    );
    await delay(1_000 + ((index * 2_711) % 9_000));
  }
}
for (let index = 0; index < 40; index++) loops.push(idler(index));

const spoken = [];
const talkers = [];
let longestGapMs = 0;

class Talker {
  heard = [];
  doubles = [];
  numbers = [];
  seen = new Set();
  connects = 0;
  #unsaid = new Map();
  #socket;
  #last = 0;

  constructor(name) {
    this.name = name;
    this.#connect();
  }

  #connect() {
    this.connects++;
    const downSince = performance.now();
    const socket = new WebSocket(new URL("/chat", TARGET.replace("http", "ws")));
    this.#socket = socket;
    socket.on("open", () => socket.send(JSON.stringify({ type: "join", room: "town-square", name: this.name })));
    socket.on("error", () => undefined);
    socket.on("close", () => setTimeout(() => this.#connect(), 100));
    socket.on("message", (data) => {
      const message = JSON.parse(data);
      if (message.type === "said") this.#hear(message, "news");
      if (message.type !== "joined") return;
      if (this.connects > 1) longestGapMs = Math.max(longestGapMs, performance.now() - downSince);
      for (const said of message.history) this.#hear(said, "history");
      for (const [id, text] of this.#unsaid) this.#send(id, text);
    });
  }

  say(text) {
    const id = randomUUID();
    spoken.push(text);
    this.#unsaid.set(id, text);
    this.#send(id, text);
  }

  #send(id, text) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ type: "say", id, text }));
  }

  #hear({ id, number, text }, how) {
    this.#unsaid.delete(id);
    if (number <= this.#last) return;
    this.#last = number;
    if (this.heard.includes(text))
      this.doubles.push(`${text} as ${this.numbers[this.heard.indexOf(text)]} and ${number} from ${how}`);
    this.heard.push(text);
    this.numbers.push(number);
  }

  get unsaid() {
    return this.#unsaid.size;
  }
}

for (let index = 0; index < Number(TALKERS); index++) talkers.push(new Talker(`Talker ${index}`));
await delay(1_500);
// Of an earlier run something may still hang on the wall.
const run = randomUUID().slice(0, 8);
let turn = 0;
while (performance.now() < endAt) {
  talkers[turn % talkers.length].say(`${run} ${turn++}`);
  await delay(100);
}
await Promise.all(loops);
await delay(4_000);
const lost = talkers.map(({ heard }) => spoken.filter((text) => !heard.includes(text)).length);
const doubled = talkers.map(({ heard }) => heard.length - new Set(heard).size);
process.stdout.write(
  `${JSON.stringify({ counts, failures, spoken: spoken.length, doubles: talkers[0].doubles.slice(0, 3), lost, doubled, reconnects: talkers.map(({ connects }) => connects - 1), longestGapMs: Math.round(longestGapMs) })}\n`,
);
process.exit(0);
