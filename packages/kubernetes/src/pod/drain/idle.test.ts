import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { expect, test } from "vitest";

import { certificate } from "./certificate.fixture.ts";
import { DrainedThread } from "./drained-thread.fixture.ts";

/** A connection on which nothing is ever sent twice. */
class Line {
  readonly socket: Socket;
  #got = "";
  #problem: string | undefined;
  #changed: () => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("latin1").on("data", (text: string) => {
      this.#got += text;
      this.#changed();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      this.#problem = error.code;
    });
    socket.on("close", () => {
      this.#problem ??= "closed";
      this.#changed();
    });
  }

  static async to(port: number): Promise<Line> {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    return new Line(socket);
  }

  /** Resolves when it is in the other side's kernel. */
  send(text: string): Promise<void> {
    return new Promise((resolve) => this.socket.write(text, () => resolve()));
  }

  ask(path = "/"): Promise<void> {
    return this.send(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`);
  }

  /** The head of the answer, or why there is none. */
  async answer(body = "quick"): Promise<string> {
    for (;;) {
      const [head = ""] = this.#got.split(`\r\n\r\n${body}`);
      if (head.length < this.#got.length) {
        this.#got = "";
        return head.toLowerCase();
      }
      if (this.#problem !== undefined) return this.#problem;
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }
}

/** A connection that has been used once. */
async function idle(port: number): Promise<Line> {
  const line = await Line.to(port);
  await line.ask();
  expect(await line.answer()).toContain("keep-alive");
  return line;
}

test("a request is answered that came in before the connection was found to be idle for too long", async () => {
  await using server = await DrainedThread.start({ keepAliveMs: 40 });
  const line = await idle(server.port);
  await server.halt("idle");
  await line.ask();
  server.goOn();
  expect(await line.answer()).toContain("200 ok");
});

test("a connection that stays idle for too long is closed", async () => {
  await using server = await DrainedThread.start({ keepAliveMs: 40 });
  expect(await (await idle(server.port)).answer()).toBe("closed");
});

test("a request is answered that came in before the time for requests was over", async () => {
  await using server = await DrainedThread.start();
  const [asking, silent] = [await idle(server.port), await idle(server.port)];
  await server.announce();
  await server.halt("requests");
  await asking.ask();
  server.goOn();
  expect(await asking.answer()).toContain("connection: close");
  expect(await silent.answer()).toBe("closed");
});

test("a request is answered whose head is half there when the time for requests is over", async () => {
  await using server = await DrainedThread.start();
  const line = await idle(server.port);
  await server.announce();
  await server.halt("requests");
  await line.send("GET / HTTP/1.1\r\n");
  server.goOn();
  await server.begin("nothing");
  await line.send("host: a\r\n\r\n");
  expect(await line.answer()).toContain("connection: close");
});

test("connections that wait to be accepted are accepted before the listener is closed", async () => {
  await using server = await DrainedThread.start();
  await server.announce();
  await server.halt("close");
  const lines = await Promise.all(Array.from({ length: 20 }, () => Line.to(server.port)));
  for (const line of lines) await line.ask();
  server.goOn();
  for (const line of lines) expect(await line.answer()).toContain("connection: close");
});

test("a connection that was accepted last may still ask", async () => {
  await using server = await DrainedThread.start();
  await server.announce();
  const line = await Line.to(server.port);
  await server.halt("close");
  server.goOn();
  await server.begin("nothing");
  await line.ask();
  expect(await line.answer()).toContain("connection: close");
});

test("a connection whose TLS handshake was under way last may still ask", async () => {
  await using server = await DrainedThread.start({ certificate });
  await server.announce();
  await server.halt("close");
  const tls = connectTls({ port: server.port, host: "127.0.0.1", rejectUnauthorized: false });
  await new Promise((resolve) => setImmediate(resolve));
  server.goOn();
  await Promise.race([once(tls, "secureConnect"), once(tls, "close")]);
  const line = new Line(tls);
  await line.ask();
  expect(await line.answer()).toContain("connection: close");
});

test("an answer that comes before its request is whole reaches its client, who may send the rest", async () => {
  await using server = await DrainedThread.start();
  const line = await idle(server.port);
  await server.announce();
  const length = 16 * 1_048_576;
  await line.send(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${length}\r\n\r\n`);
  await line.send("x".repeat(length));
  expect(await line.answer()).toContain("connection: close");
});
