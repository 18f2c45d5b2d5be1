import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { nodeRuntime, type Runtime } from "@interlock/core";
import { afterEach, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";

import { PodRegistry } from "../registry.ts";
import { drainHttp } from "./http.ts";
import { drainWebSockets } from "./websockets.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function started(registry: PodRegistry, spreadMs: number): Promise<{ url: string; sockets: WebSocketServer }> {
  const server = createServer((_request, response) => response.end("quick"));
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket) => socket.on("message", (data) => socket.send(data)));
  drainHttp(server, registry);
  drainWebSockets(sockets, { registry, spreadMs });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(() => server.close());
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets };
}

const never = new AbortController().signal;
const longMs = 20_000;

/** Sends one number after the other, each when the one before has come back; connects again when it is told to. */
class Visitor {
  readonly closes: number[] = [];
  readonly echoed: number[] = [];
  readonly #urlOf: () => string;
  #next = 0;
  #socket: WebSocket | undefined;
  #heard: () => void = () => undefined;

  constructor(urlOf: () => string) {
    this.#urlOf = urlOf;
    this.#connect();
  }

  #connect(): void {
    const socket = new WebSocket(this.#urlOf());
    this.#socket = socket;
    socket.on("open", () => socket.send(String(this.#next)));
    socket.on("message", (data) => {
      this.echoed.push(Number(data));
      this.#next = Number(data) + 1;
      this.#heard();
      // It may be closing: then this one is sent again on the next connection.
      if (socket.readyState === WebSocket.OPEN) setTimeout(() => socket.send(String(this.#next), () => undefined), 5);
    });
    socket.on("close", (code) => {
      this.closes.push(code);
      if (this.#socket !== undefined) this.#connect();
    });
  }

  async hears(count: number): Promise<void> {
    const goal = this.echoed.length + count;
    while (this.echoed.length < goal)
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
  }

  leave(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.terminate();
  }
}

test("every client is told once, comes back elsewhere, and goes on where it was", async () => {
  const registry = new PodRegistry();
  const old = await started(registry, 300);
  const next = await started(new PodRegistry(), 300);
  let { url } = old;
  const visitors = Array.from({ length: 15 }, () => new Visitor(() => url));
  await Promise.all(visitors.map((visitor) => visitor.hears(3)));
  void registry.run("announce", 0, never);
  await Promise.all(visitors.map((visitor) => visitor.hears(3)));
  expect(old.sockets.clients.size).toBe(15);
  ({ url } = next);
  await registry.run("requests", longMs, never);
  expect(old.sockets.clients.size).toBe(0);
  await Promise.all(visitors.map((visitor) => visitor.hears(3)));
  for (const { closes, echoed } of visitors) {
    expect(closes).toEqual([1_012]);
    expect(new Set(echoed)).toEqual(new Set(Array.from({ length: (echoed.at(-1) ?? 0) + 1 }, (_, index) => index)));
  }
  expect(next.sockets.clients.size).toBe(15);
  for (const visitor of visitors) visitor.leave();
});

test("who does not answer is cut off when the time is over", async () => {
  const registry = new PodRegistry();
  const { sockets, url } = await started(registry, 0);
  const mute = connect(Number(new URL(url).port), "127.0.0.1");
  const key = Buffer.alloc(16).toString("base64");
  mute.write(
    `GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n\r\n`,
  );
  await once(sockets, "connection");
  const cut = new AbortController();
  const requests = registry.run("requests", longMs, cut.signal);
  cut.abort();
  await Promise.all([requests, once(mute.resume(), "close")]);
  expect(sockets.clients.size).toBe(0);
});

/** Time that passes when it is told to. */
class Time {
  #nowMs = 0;
  readonly #timers = new Map<object, { readonly atMs: number; readonly callback: () => void }>();
  readonly runtime: Runtime = {
    ...nodeRuntime,
    clock: { now: () => this.#nowMs, wallTime: () => this.#nowMs },
    timers: {
      set: (callback, delayMs) => {
        const handle = {};
        this.#timers.set(handle, { atMs: this.#nowMs + delayMs, callback });
        return handle;
      },
      clear: (handle) => void this.#timers.delete(handle as object),
    },
  };

  async pass(ms: number): Promise<void> {
    for (const endMs = this.#nowMs + ms; ; ) {
      const next = [...this.#timers].sort(([, a], [, b]) => a.atMs - b.atMs)[0];
      if (next === undefined || next[1].atMs > endMs) return;
      this.#timers.delete(next[0]);
      this.#nowMs = next[1].atMs;
      next[1].callback();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

test("the closes are spread evenly, and who comes in late is told, too", async () => {
  const time = new Time();
  const registry = new PodRegistry();
  const closes: number[] = [];
  const clients = new Set<{ close: (code: number) => void; terminate: () => void }>();
  const enter = (): void => {
    const client = {
      close: (code: number) => {
        closes.push(code);
        clients.delete(client);
      },
      terminate: () => undefined,
    };
    clients.add(client);
  };
  for (let entered = 0; entered < 50; entered++) enter();
  drainWebSockets({ clients }, { registry, runtime: time.runtime });
  const requests = registry.run("requests", longMs, never);
  const told: number[] = [];
  for (let second = 0; second < 4; second++) {
    await time.pass(1_000);
    told.push(closes.length);
  }
  expect(told).toEqual([11, 21, 31, 41]);
  enter();
  await time.pass(1_050);
  await requests;
  expect(closes).toEqual(Array.from({ length: 51 }, () => 1_012));
});
