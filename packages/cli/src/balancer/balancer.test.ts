import { Buffer } from "node:buffer";
import { once } from "node:events";
import type { RequestListener, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { describe, expect, test, vi } from "vitest";
import { answerOf, headOf, Site } from "./upstreams.fixture.ts";

const says =
  (what: string): RequestListener =>
  (_request, response) =>
    void response.end(what);
const breaks: RequestListener = (request) => void request.socket.destroy();
const big = Buffer.alloc(10 * 1024 * 1024, "interlock");

describe("a visitor", () => {
  test("gets each node in turn while it is quiet", async () => {
    await using site = await Site.open();
    for (const id of ["a-1", "a-2", "a-3"]) await site.node(id, says(id));
    const nodes: unknown[] = [];
    for (let count = 0; count < 6; count += 1) nodes.push((await site.ask("/")).node);
    expect(nodes).toEqual(["a-1", "a-2", "a-3", "a-1", "a-2", "a-3"]);
  });

  test("gets the node that has the least to do", async () => {
    await using site = await Site.open();
    const held: ServerResponse[] = [];
    await site.node("a-1", (_request, response) => {
      held.push(response);
      response.flushHeaders();
    });
    await site.node("a-2", says("two"));
    const long = site.send("/");
    long.end();
    const head = await headOf(long);
    for (let count = 0; count < 3; count += 1) expect((await site.ask("/")).node).toBe("a-2");
    held[0]?.end();
    head.resume();
    await once(head, "end");
  });

  test("reaches the node with method, path, headers and body, and gets status, headers and body back", async () => {
    await using site = await Site.open();
    await site.node("a-1", async (request, response) => {
      const { headers, method, url } = request;
      response.writeHead(418, "Teapot", [
        ["set-cookie", "a=1"],
        ["set-cookie", "b=2"],
        ["x-kept", "yes"],
        ["connection", "close, x-dropped"],
        ["x-dropped", "yes"],
      ] as never);
      response.end(JSON.stringify({ headers, method, url, length: (await text(request)).length }));
    });
    const headers = {
      "x-mine": "yes",
      "x-forwarded-for": "10.0.0.1",
      "x-forwarded-port": "443",
      forwarded: "for=10.0.0.1",
      connection: "keep-alive, x-hop",
      "x-hop": "yes",
      te: "trailers",
      cookie: "a=1",
    };
    const { body, headers: back, status } = await site.ask("/p?q=1%2F2", { method: "PUT", headers }, "four");
    expect(status).toBe(418);
    expect(back).toMatchObject({ "set-cookie": ["a=1", "b=2"], "x-kept": "yes", "x-interlock-node": "a-1" });
    expect(back).not.toHaveProperty("x-dropped");
    const seen = JSON.parse(body) as { headers: Record<string, string> };
    expect(seen).toMatchObject({ method: "PUT", url: "/p?q=1%2F2", length: 4 });
    const host = new URL(site.balancer.url).host;
    expect(seen.headers).toMatchObject({
      host,
      cookie: "a=1",
      "x-mine": "yes",
      "x-forwarded-for": "127.0.0.1",
      "x-forwarded-host": host,
      "x-forwarded-proto": "http",
    });
    for (const name of ["x-hop", "te", "forwarded", "x-forwarded-port"]) expect(seen.headers).not.toHaveProperty(name);
  });

  test("may ask for the head alone, and may wait with a body until it is wanted", async () => {
    await using site = await Site.open();
    await site.node("a-1", async (request, response) => void response.end(await text(request)));
    await site.node("a-2", (_request, response) => void response.writeHead(200, { "content-length": 3 }).end());
    expect(await site.ask("/", { method: "HEAD", headers: { "x-interlock-node": "a-2" } })).toMatchObject({
      status: 200,
      body: "",
      headers: { "content-length": "3" },
    });
    const waiting = site.send("/", { method: "POST", headers: { expect: "100-continue", "x-interlock-node": "a-1" } });
    waiting.flushHeaders();
    await once(waiting, "continue");
    waiting.end("now");
    expect(await answerOf(waiting)).toMatchObject({ status: 200, body: "now" });
  });

  test("gets the node that it names, and no other", async () => {
    await using site = await Site.open();
    for (const id of ["a-1", "a-2"]) await site.node(id, says(id));
    const only = { headers: { "x-interlock-node": "a-2" } };
    expect([await site.ask("/", only), await site.ask("/", only)]).toMatchObject([{ body: "a-2" }, { body: "a-2" }]);
    site.drain("a-2");
    const { body, headers, status } = await site.ask("/", only);
    expect([status, headers["retry-after"]]).toEqual([503, "1"]);
    expect(JSON.parse(body)).toMatchObject({
      code: "INTERLOCK_NO_NODE_READY",
      message: "The node a-2, which was asked for by name, takes no visitors now",
    });
  });

  test("stays with the node of its cookie as long as that is there", async () => {
    await using site = await Site.open();
    for (const id of ["a-1", "a-2"]) await site.node(id, says(id));
    const sticky = { headers: { cookie: "b=1; interlock-node=a-2" } };
    expect([await site.ask("/", sticky), await site.ask("/", sticky)]).toMatchObject([
      { body: "a-2" },
      { body: "a-2" },
    ]);
    site.drain("a-2");
    expect(await site.ask("/", sticky)).toMatchObject({ status: 200, body: "a-1" });
  });

  test("is told when no node is there", async () => {
    await using site = await Site.open();
    const { body, status } = await site.ask("/");
    expect(status).toBe(503);
    expect(JSON.parse(body)).toMatchObject({ code: "INTERLOCK_NO_NODE_READY", hint: expect.any(String) });
  });
});

describe("a node that fails", () => {
  test("before it answers a GET is not noticed: another one is asked", async () => {
    await using site = await Site.open();
    await site.node("a-1", breaks);
    await site.node("a-2", says("two"));
    expect(await site.ask("/")).toMatchObject({ status: 200, body: "two" });
  });

  test("takes one other with it, not all: the third is not asked what ended two", async () => {
    await using site = await Site.open();
    const nodes = [await site.node("a-1", breaks), await site.node("a-2", breaks), await site.node("a-3", breaks)];
    const { body, status } = await site.ask("/");
    expect([status, JSON.parse(body)]).toEqual([502, expect.objectContaining({ code: "INTERLOCK_NODE_LOST" })]);
    expect(nodes.map(({ seen }) => seen)).toEqual([1, 1, 0]);
  });

  test("during a POST is said, and nobody is asked twice", async () => {
    await using site = await Site.open();
    const nodes = [await site.node("a-1", breaks), await site.node("a-2", breaks)];
    const { body, status } = await site.ask("/", { method: "POST" }, "pay");
    expect(status).toBe(502);
    expect(JSON.parse(body)).toMatchObject({
      code: "INTERLOCK_NODE_LOST",
      message: "a-1 was lost before it had answered: socket hang up",
    });
    expect(nodes.map(({ seen }) => seen)).toEqual([1, 0]);
  });

  test("to take the connection costs nobody anything: a POST goes whole to another, past as many as there are", async () => {
    await using site = await Site.open();
    for (const id of ["a-1", "a-2", "a-3"]) await site.deadNode(id);
    await site.node("a-4", async (request, response) => void response.end(String((await text(request)).length)));
    const { body, status } = await site.ask("/", { method: "POST" }, big);
    expect([status, body]).toEqual([200, String(big.length)]);
  });

  test("as all do is said", async () => {
    await using site = await Site.open();
    for (const id of ["a-1", "a-2"]) await site.deadNode(id);
    const { body, status } = await site.ask("/");
    expect([status, JSON.parse(body)]).toEqual([
      502,
      expect.objectContaining({ code: "INTERLOCK_NODE_LOST", message: expect.stringContaining("ECONNREFUSED") }),
    ]);
  });

  test("only in that it closed a kept connection is asked again over a new one", async () => {
    await using site = await Site.open();
    let connections = 0;
    // Answers once on each connection, promises to keep it, and closes it with the next request.
    await site.rawNode("a-1", (socket) => {
      connections += 1;
      let requests = 0;
      socket.on("data", () => {
        requests += 1;
        if (requests === 1) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        else socket.destroy();
      });
    });
    for (let count = 1; count <= 3; count += 1) {
      expect(await site.ask("/")).toMatchObject({ status: 200, body: "ok" });
      expect(connections).toBe(count === 1 ? 1 : count === 2 ? 2 : 3);
    }
  });

  test("with a kept connection, on its way out, is not asked again while there is another", async () => {
    await using site = await Site.open();
    let isDying = false;
    // As the kernel ends a process: its connections are broken off before its port is closed.
    await site.rawNode("a-1", (socket) => {
      if (isDying) socket.destroy();
      socket.on("data", () => {
        if (isDying) socket.destroy();
        else socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
      });
    });
    await site.node("a-2", says("two"));
    const sticky = { headers: { cookie: "interlock-node=a-1" } };
    expect((await site.ask("/", sticky)).node).toBe("a-1");
    isDying = true;
    expect(await site.ask("/", sticky)).toMatchObject({ status: 200, body: "two" });
  });

  test("in the middle of an answer breaks it off: half an answer never looks like a whole one", async () => {
    await using site = await Site.open();
    await site.node("a-1", (request, response) => {
      response.write("half", () => request.socket.destroy());
    });
    const sending = site.send("/");
    sending.end();
    const answer = await headOf(sending);
    await expect(text(answer)).rejects.toThrow("aborted");
    await vi.waitFor(() => expect(site.balancer.openAt("a-1")).toBe(0));
  });

  test("to answer at all is given up, and not asked of another", async () => {
    await using site = await Site.open(50);
    const nodes = [await site.node("a-1", () => undefined), await site.node("a-2", says("two"))];
    const { body, status } = await site.ask("/");
    expect([status, JSON.parse(body)]).toEqual([
      504,
      expect.objectContaining({ code: "INTERLOCK_NODE_SILENT", message: "a-1 has not begun to answer within 50 ms" }),
    ]);
    expect(nodes.map(({ seen }) => seen)).toEqual([1, 0]);
  });

  test("may take its time once it has begun to answer", async () => {
    await using site = await Site.open(20);
    const { promise: later, resolve: go } = Promise.withResolvers<void>();
    await site.node("a-1", (_request, response) => {
      response.write("one ");
      void later.then(() => response.end("two"));
    });
    await site.node("a-2", () => undefined);
    const sending = site.send("/");
    sending.end();
    const answer = await headOf(sending);
    // Another one that is given up after the same time: the first has been silent for longer.
    expect((await site.ask("/")).status).toBe(504);
    go();
    expect(await text(answer)).toBe("one two");
  });

  test("to speak HTTP is answered for", async () => {
    await using site = await Site.open();
    const nonsense = ["SSH-2.0-x\r\n", "HTTP/1.1 099 Odd\r\ncontent-length: 0\r\n\r\n"];
    for (const what of nonsense) {
      const node = await site.rawNode("a-1", (socket) => void socket.once("data", () => socket.end(what)));
      expect((await site.ask("/", { method: "POST" }, "x")).status).toBe(502);
      site.drain(node.id);
    }
  });
});

describe("a long exchange", () => {
  test("goes at the visitor's pace: what is not read is not taken from the node", async () => {
    await using site = await Site.open();
    const [piece, pieces] = [Buffer.alloc(256 * 1024, "x"), 256];
    let read = 0;
    let mostAhead = 0;
    await site.node("a-1", async (_request, response) => {
      for (let written = 0; written < pieces; written += 1) {
        if (!response.write(piece)) await once(response, "drain");
        mostAhead = Math.max(mostAhead, (written + 1) * piece.length - read);
      }
      response.end();
    });
    const sending = site.send("/");
    sending.end();
    for await (const chunk of await headOf(sending)) {
      read += (chunk as Buffer).length;
      // The node and the balancer have their turns first.
      for (let turns = 0; turns < 20; turns += 1) await new Promise((done) => setImmediate(done));
    }
    expect(read).toBe(pieces * piece.length);
    // What sockets and streams hold on both ways, of 64 MiB in all.
    expect(mostAhead).toBeLessThan(24 * 1024 * 1024);
  });

  test("ends at the node when the visitor leaves: before the head, in the middle, or while still sending", async () => {
    await using site = await Site.open();
    const { promise: begun, resolve: begins } = Promise.withResolvers<void>();
    const ends: Promise<unknown>[] = [];
    await site.node("a-1", (request, response) => {
      ends.push(once(response, "close"));
      request.resume().on("error", () => undefined);
      if (request.url === "/middle") response.write("one");
      if (ends.length === 3) begins();
    });
    const before = site.send("/before");
    before.end();
    const middle = site.send("/middle");
    middle.end();
    const upload = site.send("/upload", { method: "POST" });
    upload.write("some");
    await begun;
    for (const leaving of [before, middle, upload]) leaving.on("error", () => undefined).destroy();
    await Promise.all(ends);
    await vi.waitFor(() => expect(site.balancer.openAt("a-1")).toBe(0));
  });

  test("may be answered before it was sent to its end, and leaves the visitor's connection in order", async () => {
    await using site = await Site.open();
    await site.node("a-1", (request, response) => {
      if (request.method === "POST") response.writeHead(413).end("too much");
      else response.end("fine");
    });
    expect(await site.ask("/", { method: "POST" }, big)).toMatchObject({ status: 413, body: "too much" });
    expect(await site.ask("/")).toMatchObject({ status: 200, body: "fine" });
  });

  test("of events arrives event by event, and stays with a node that drains", async () => {
    await using site = await Site.open();
    const streams: ServerResponse[] = [];
    await site.node("a-1", (_request, response) => {
      streams.push(response.writeHead(200, { "content-type": "text/event-stream" }));
      response.flushHeaders();
    });
    const sending = site.send("/events");
    sending.end();
    const events = await headOf(sending);
    await site.node("a-2", says("two"));
    site.drain("a-1");
    for (const event of ["data: 1\n\n", "data: 2\n\n"]) {
      streams[0]?.write(event);
      const [chunk] = (await once(events, "data")) as [Buffer];
      expect(String(chunk)).toBe(event);
    }
    for (let count = 0; count < 3; count += 1) expect((await site.ask("/")).node).toBe("a-2");
    const closed = once(streams[0] as ServerResponse, "close");
    sending.destroy();
    events.on("error", () => undefined);
    await closed;
  });
});

describe("connections to a node", () => {
  test("are kept for the next visitor, and closed once it drains", async () => {
    await using site = await Site.open();
    const node = await site.node("a-1", says("one"));
    let [opened, closed] = [0, 0];
    node.server.on("connection", (socket) => {
      opened += 1;
      socket.once("close", () => {
        closed += 1;
      });
    });
    for (let count = 0; count < 3; count += 1) await site.ask("/");
    expect([opened, closed]).toEqual([1, 0]);
    site.drain("a-1");
    await vi.waitFor(() => expect(closed).toBe(1));
  });

  test("are new ones after it has come back at another address", async () => {
    await using site = await Site.open();
    await site.node("a-1", says("before"));
    expect((await site.ask("/")).body).toBe("before");
    site.drain("a-1");
    await site.node("a-1", says("after"));
    expect((await site.ask("/")).body).toBe("after");
  });
});
