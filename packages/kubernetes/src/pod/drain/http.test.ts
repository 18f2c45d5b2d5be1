import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";

import { PodRegistry } from "../registry.ts";
import { certificate } from "./certificate.fixture.ts";
import { drainHttp } from "./http.ts";
import { clientsOf, Load, type Service } from "./load.fixture.ts";
import { type Backend, type Kind, kinds, portOf } from "./servers.fixture.ts";

/** A backend that ends as a program does: whatever is still open is cut. */
async function open(kind: Kind, prepared: (server: Backend["server"]) => void): Promise<Backend> {
  const sockets = new Set<Socket>();
  const { server, stop } = await kind.open((made) => {
    (made as Server).on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    });
    prepared(made);
  });
  return {
    server,
    stop: () => {
      const stopped = stop();
      for (const socket of sockets) socket.destroy();
      return stopped;
    },
  };
}

const never = new AbortController().signal;
const longMs = 20_000;

/** Ends one backend of two under load, as its pod would. @returns what failed. */
async function roll(kind: Kind, isDrained: boolean): Promise<readonly string[]> {
  const registry = new PodRegistry();
  const old = await open(kind, (server) => isDrained && drainHttp(server, registry));
  const next = await open(kind, () => undefined);
  const service: Service = { port: portOf(old) };
  const load = new Load(clientsOf(kind.scheme, service));
  await load.rounds(3);
  void registry.run("announce", 0, never);
  await load.rounds(2);
  // The news has reached everybody: new connections go elsewhere.
  service.port = portOf(next);
  await registry.run("requests", longMs, never);
  await registry.run("close", longMs, never);
  await old.stop();
  await load.rounds(3);
  await load.stop();
  await next.stop();
  return load.failures;
}

describe.concurrent.each(Object.entries(kinds(certificate)))("%s", (_name, kind) => {
  test("loses no request of clients that never retry", async ({ expect }) => {
    expect(await roll(kind, true)).toEqual([]);
  });

  test("loses some when nobody drains it: these clients would notice", async ({ expect }) => {
    expect(await roll(kind, false)).not.toEqual([]);
  });
});

describe("a server that drains", () => {
  /** One connection, on which text is sent and answers are awaited. */
  class Line {
    readonly socket: Socket;
    #got = "";

    constructor(port: number) {
      this.socket = connect(port, "127.0.0.1");
      this.socket.setEncoding("latin1").on("data", (text: string) => {
        this.#got += text;
      });
      this.socket.on("error", () => undefined);
    }

    /** @returns the head of the answer. */
    async ask(path: string): Promise<string> {
      this.#got = "";
      this.socket.write(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`);
      while (!this.#got.includes("\r\n\r\nquick")) await once(this.socket, "data");
      return this.#got.toLowerCase();
    }
  }

  async function started(): Promise<{ server: Server; registry: PodRegistry; line: () => Line }> {
    const registry = new PodRegistry();
    const server = createServer((request, response) => {
      if (request.url === "/never") response.flushHeaders();
      else response.end("quick");
    });
    drainHttp(server, registry);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    return { server, registry, line: () => new Line(port) };
  }

  test("keeps an idle connection for one last request, and closes it when its time is over", async () => {
    const { line, registry, server } = await started();
    const [asking, silent] = [line(), line()];
    expect(await asking.ask("/")).toContain("connection: keep-alive");
    expect(await silent.ask("/")).toContain("connection: keep-alive");
    void registry.run("announce", 0, never);
    const cut = new AbortController();
    const requests = registry.run("requests", longMs, cut.signal);
    expect(await asking.ask("/")).toContain("connection: close");
    await once(asking.socket, "close");
    expect(silent.socket.closed).toBe(false);
    cut.abort();
    await Promise.all([requests, once(silent.socket, "close")]);
    await registry.run("close", longMs, never);
    expect(server.listening).toBe(false);
  });

  test("ends idle connections early enough for what they ask last to be answered", async () => {
    const { line, registry } = await started();
    const silent = line();
    await silent.ask("/");
    void registry.run("announce", 0, never);
    // The signal, which says that the time is over, never comes.
    await Promise.all([once(silent.socket, "close"), registry.run("requests", 200, never)]);
  });

  test("keeps idle connections for longer than clients do, and promises no more than before", async () => {
    const { line, server } = await started();
    expect(server.keepAliveTimeout + server.keepAliveTimeoutBuffer).toBeGreaterThan(90_000);
    const asking = line();
    expect(await asking.ask("/")).toContain("keep-alive: timeout=5\r\n");
    asking.socket.destroy();
  });

  test("cuts connections that are silent for too long while they are asking, as it would without", async () => {
    const { line, server } = await started();
    server.timeout = 20;
    const endless = line();
    endless.socket.write("GET /never HTTP/1.1\r\nhost: a\r\n\r\n");
    await once(endless.socket, "close");
  });

  test("answers connections that come late, until its listener is closed", async () => {
    const { line, registry } = await started();
    void registry.run("announce", 0, never);
    await registry.run("requests", longMs, never);
    expect(await line().ask("/")).toContain("connection: close");
    await registry.run("close", longMs, never);
    const late = line();
    expect((await once(late.socket, "error"))[0]).toMatchObject({ code: "ECONNREFUSED" });
  });

  test("goes on while connections still come, because not everybody has heard of its end", async () => {
    const { line, registry, server } = await started();
    void registry.run("announce", 5_000, never);
    await line().ask("/");
    const open = promisify(server.getConnections.bind(server));
    let isOver = false;
    const requests = registry.run("requests", longMs, never).then(() => {
      isOver = true;
    });
    for (let come = 0; come < 10; come++) {
      await line().ask("/");
      while ((await open()) > 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(isOver).toBe(false);
    await requests;
  });

  test("cuts what is not over in time, and says how much that was", async () => {
    const { line, registry } = await started();
    const endless = line();
    endless.socket.write("GET /never HTTP/1.1\r\nhost: a\r\n\r\n");
    await once(endless.socket, "data");
    const cut = new AbortController();
    const requests = registry.run("requests", longMs, cut.signal);
    cut.abort();
    await Promise.all([requests, once(endless.socket, "close")]);
    expect(registry.participants).toContainEqual(expect.objectContaining({ phase: "requests", said: { cut: 1 } }));
  });

  test("leaves connections alone that have become something else", async () => {
    const { line, registry, server } = await started();
    server.on("upgrade", (_request, socket) => socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n"));
    const upgraded = line();
    upgraded.socket.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n");
    await once(upgraded.socket, "data");
    void registry.run("announce", 0, never);
    await registry.run("requests", longMs, never);
    await registry.run("close", longMs, never);
    expect(upgraded.socket.closed).toBe(false);
    upgraded.socket.destroy();
  });

  test("answers a wish for an upgrade as before, when it knows of none", async () => {
    const { line } = await started();
    const wishing = line();
    wishing.socket.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: chat\r\n\r\n");
    expect(String((await once(wishing.socket, "data"))[0])).toContain("200 OK");
    wishing.socket.destroy();
  });

  test("is forgotten when it is closed", async () => {
    const { registry, server } = await started();
    expect(registry.participants).toHaveLength(3);
    server.close();
    await once(server, "close");
    expect(registry.participants).toEqual([]);
  });

  test("has its share in a drain that has begun before it was made", async () => {
    const registry = new PodRegistry();
    void registry.run("announce", 0, never);
    const server = createServer((_request, response) => response.end("quick"));
    drainHttp(server, registry);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    expect(await new Line((server.address() as AddressInfo).port).ask("/")).toContain("connection: close");
    server.close();
  });
});
