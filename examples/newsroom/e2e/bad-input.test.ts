/** What comes in from outside and should not: a clear error or a closed door for its sender, and nothing for the others. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { WebSocket } from "ws";
import { type RunningNewsroom, startNewsroom } from "./newsroom-process.ts";

void describe("bad input", { timeout: 120_000 }, () => {
  let directory: string;
  let newsroom: RunningNewsroom;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "newsroom-e2e-"));
    newsroom = await startNewsroom(directory);
  });
  after(async () => {
    await newsroom?.end("SIGKILL");
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });

  interface Answer {
    readonly status: number;
    readonly code: string;
    readonly message: string;
    readonly hint: string;
  }

  async function send(
    method: string,
    path: string,
    body?: string,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const response = await fetch(newsroom.url + path, { method, headers, ...(body === undefined ? {} : { body }) });
    return { status: response.status, ...((await response.json()) as Omit<Answer, "status">) };
  }

  function expectRefusal(answer: Answer, status: number, code: string, message: RegExp): void {
    assert.deepEqual([answer.status, answer.code], [status, code]);
    assert.match(answer.message, message);
    assert.notEqual(answer.hint, "");
  }

  /** Somebody in a room, with everything they were told. */
  class Guest {
    readonly socket = new WebSocket(`${newsroom.url.replace("http", "ws")}/chat`);
    readonly heard: { type: string; code?: string; text?: string }[] = [];
    closed: Promise<unknown[]> = once(this.socket, "close");

    constructor() {
      this.socket.on("message", (data) => this.heard.push(JSON.parse((data as Buffer).toString())));
    }

    static async enter(room: string): Promise<Guest> {
      const guest = new Guest();
      await once(guest.socket, "open");
      guest.send({ type: "join", room, name: "Guest" });
      await guest.hears((message) => message.type === "joined");
      return guest;
    }

    send(message: unknown): void {
      this.socket.send(JSON.stringify(message));
    }

    async hears(wanted: (message: Guest["heard"][number]) => boolean): Promise<void> {
      while (!this.heard.some(wanted)) await once(this.socket, "message");
    }

    async notice(code: string): Promise<void> {
      await this.hears((message) => message.type === "notice" && message.code === code);
    }

    /** How long a word takes to the room and back. */
    async roundTripMs(): Promise<number> {
      const text = crypto.randomUUID();
      const start = performance.now();
      this.send({ type: "say", text });
      await this.hears((message) => message.text === text);
      return performance.now() - start;
    }

    async end(): Promise<void> {
      this.socket.close();
      await this.closed;
    }
  }

  /** Runs `misbehave` while a guest chats; that one's line must hold and stay quick. */
  async function besideAGuest(misbehave: () => Promise<void>): Promise<void> {
    const witness = await Guest.enter("towpath");
    let over = false;
    const slowest = (async () => {
      let slowestMs = 0;
      for (let n = 0; !over && n < 15; n++) slowestMs = Math.max(slowestMs, await witness.roundTripMs());
      return slowestMs;
    })();
    await misbehave();
    over = true;
    assert.ok((await slowest) < 2_000, `a word took ${await slowest} ms`);
    await witness.roundTripMs();
    assert.equal(witness.socket.readyState, WebSocket.OPEN);
    await witness.end();
  }

  void test("a huge article is refused with its limit", async () => {
    const huge = JSON.stringify({ title: "Huge", body: "x".repeat(5_000_000) });
    expectRefusal(
      await send("POST", "/api/articles", huge, { "content-type": "application/json" }),
      413,
      "NEWSROOM_ARTICLE_TOO_LARGE",
      /100 kB/,
    );
    const wide = JSON.stringify({ title: "Wide", body: "€".repeat(34_000) });
    expectRefusal(
      await send("POST", "/api/articles", wide, { "content-type": "application/json" }),
      413,
      "NEWSROOM_ARTICLE_TOO_LARGE",
      /100 kB/,
    );
  });

  void test("an article that is none is refused with what is missing", async () => {
    expectRefusal(await send("POST", "/api/articles", "{"), 400, "NEWSROOM_NOT_JSON", /not JSON/);
    expectRefusal(await send("POST", "/api/articles", '{"title":"T"}'), 400, "NEWSROOM_ARTICLE_INVALID", /body/);
    expectRefusal(await send("POST", "/api/articles", "[]"), 400, "NEWSROOM_ARTICLE_INVALID", /article/);
  });

  void test("a malformed feed is refused with the place, and nothing of it is printed", async () => {
    const before = (await (await fetch(`${newsroom.url}/api/articles`)).json()) as unknown;
    const feed =
      "<rss>\n<channel>\n<item><title>Fine</title><description>D</description></item>\n<item><title>Broken</titel></item></channel></rss>";
    expectRefusal(await send("POST", "/api/import", feed), 400, "NEWSROOM_FEED_MALFORMED", /line 4/);
    expectRefusal(await send("POST", "/api/import", "x".repeat(2_000_000)), 413, "NEWSROOM_FEED_TOO_LARGE", /1 MB/);
    assert.deepEqual(await (await fetch(`${newsroom.url}/api/articles`)).json(), before);
  });

  void test("an unknown route answers 404: JSON to programs, a page to people", async () => {
    expectRefusal(await send("GET", "/api/nothing"), 404, "NEWSROOM_NO_ROUTE", /\/api\/nothing/);
    expectRefusal(await send("GET", "/api/articles/999999999999"), 404, "NEWSROOM_NO_ARTICLE", /999999999999/);
    expectRefusal(await send("POST", "/api/break/the-bank"), 404, "NEWSROOM_NOTHING_TO_BREAK", /the-bank/);
    expectRefusal(await send("POST", "/api/break/__proto__"), 404, "NEWSROOM_NOTHING_TO_BREAK", /__proto__/);
    const page = await fetch(`${newsroom.url}/no/such/page`, { headers: { accept: "text/html" } });
    assert.equal(page.status, 404);
    assert.match(await page.text(), /never printed/);
    const asset = await fetch(`${newsroom.url}/assets/..%2f..%2fpackage.json`);
    assert.equal(asset.status, 404);
    await asset.body?.cancel();
  });

  void test("another site's page may not press the buttons or open a chat", async () => {
    expectRefusal(
      await send("POST", "/api/break/ticker-throw", "", { origin: "https://elsewhere.example" }),
      403,
      "NEWSROOM_FOREIGN_ORIGIN",
      /another site/,
    );
    const socket = new WebSocket(`${newsroom.url.replace("http", "ws")}/chat`, { origin: "https://elsewhere.example" });
    const [error] = (await once(socket, "error")) as [Error];
    assert.match(error.message, /403/);
  });

  void test("a message that is not understood gets a notice, and the line stays open", async () => {
    const guest = await Guest.enter("press-room");
    guest.socket.send("{ not json");
    guest.socket.send(Buffer.from([1, 2, 3]));
    guest.send({ type: "say", text: "x".repeat(501) });
    await guest.hears(() => guest.heard.filter((message) => message.code === "NEWSROOM_CHAT_BAD_MESSAGE").length === 3);
    await guest.roundTripMs();
    await guest.end();
  });

  void test("a broken WebSocket frame closes its own connection with 1002, a giant one with 1009", () =>
    besideAGuest(async () => {
      const broken = await Guest.enter("town-square");
      // A final frame of the reserved opcode 3, masked, empty.
      (broken.socket as unknown as { _socket: Socket })._socket.write(Buffer.from([0x83, 0x80, 1, 2, 3, 4]));
      assert.equal((await broken.closed)[0], 1002);

      const giant = await Guest.enter("town-square");
      giant.socket.send("x".repeat(1_000_000));
      assert.equal((await giant.closed)[0], 1009);
    }));

  void test("a client that sends 10 000 messages a second is warned, shed and shown out; the others chat on", () =>
    besideAGuest(async () => {
      const flood = await Guest.enter("town-square");
      const neighbour = await Guest.enter("town-square");
      for (let n = 0; n < 10_000; n++) flood.send({ type: "say", text: `flood ${n}` });
      const [code, reason] = (await flood.closed) as [number, Buffer];
      assert.equal(code, 1008);
      assert.equal(reason.toString(), "Too many messages.");
      assert.ok(flood.heard.some((message) => message.code === "NEWSROOM_CHAT_TOO_FAST"));

      await neighbour.roundTripMs();
      const flooded = neighbour.heard.filter((message) => message.text?.startsWith("flood")).length;
      assert.ok(flooded <= 60, `${flooded} of the flood reached the room`);
      assert.equal(neighbour.socket.readyState, WebSocket.OPEN);
      await neighbour.end();
    }));

  void test("none of it was a crash, and the newsroom closes in order", async () => {
    assert.equal(newsroom.log(), "");
    assert.equal(await newsroom.end("SIGTERM"), 0);
  });
});
