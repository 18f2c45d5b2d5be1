import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { Visitor } from "./visitor.ts";

/** A room that does as it is told. */
class Room {
  readonly #server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  readonly said: string[] = [];
  #guest: WebSocket | undefined;
  history: readonly { readonly id: string; readonly number: number }[] = [];

  constructor() {
    this.#server.on("connection", (socket) => {
      this.#guest = socket;
      socket.on("message", (data) => {
        const { id, type } = JSON.parse((data as Buffer).toString()) as { readonly id: string; readonly type: string };
        if (type === "say") this.said.push(id);
        else this.tell({ type: "joined", history: this.history });
      });
    });
  }

  async url(): Promise<string> {
    if (this.#server.address() === null) await once(this.#server, "listening");
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  tell(message: object): void {
    this.#guest?.send(JSON.stringify(message));
  }

  cut(): void {
    this.#guest?.terminate();
  }

  close(): void {
    this.#server.close();
  }
}

let room: Room;
let visitor: Visitor;
beforeEach(async () => {
  room = new Room();
  visitor = new Visitor({ name: "Ada", url: await room.url() });
  await expect.poll(() => visitor.isIn).toBe(true);
});
afterEach(() => {
  visitor.leave();
  room.close();
});

test("says again, after its connection was cut, what it has not heard, and nothing else", async () => {
  visitor.say("heard");
  visitor.say("unheard");
  await expect.poll(() => room.said).toEqual(["heard", "unheard"]);
  room.tell({ type: "said", id: "heard", number: 1 });
  await expect.poll(() => visitor.unheard).toBe(1);
  room.cut();
  await expect.poll(() => room.said).toEqual(["heard", "unheard", "unheard"]);
  expect(visitor.gaps).toHaveLength(1);
  room.tell({ type: "said", id: "unheard", number: 2 });
  await expect.poll(() => visitor.unheard).toBe(0);
  expect(visitor.spoken.map(({ confirmedAt, id }) => [id, confirmedAt !== undefined])).toEqual([
    ["heard", true],
    ["unheard", true],
  ]);
});

test("tells a line that stands in the history and in the news from one that was said twice", async () => {
  room.tell({ type: "said", id: "once", number: 1 });
  await expect.poll(() => visitor.heard.size).toBe(1);
  room.history = [{ id: "once", number: 1 }];
  room.cut();
  await expect.poll(() => visitor.gaps.length).toBe(1);
  for (const [number, id] of ["twice", "twice"].entries()) room.tell({ type: "said", id, number: number + 2 });
  await expect
    .poll(() => [...visitor.heard].map(([id, { size }]) => [id, size]))
    .toEqual([
      ["once", 1],
      ["twice", 2],
    ]);
});

test("tells two lines of one number, as two rooms would give them", async () => {
  for (const id of ["mine", "yours"]) room.tell({ type: "said", id, number: 1 });
  await expect.poll(() => visitor.contradictions).toEqual([1]);
});

test("counts news that comes after later news", async () => {
  for (const number of [1, 3, 2]) room.tell({ type: "said", id: `${number}`, number });
  await expect.poll(() => visitor.heard.size).toBe(3);
  expect(visitor.outOfOrder).toBe(1);
});

test("takes a silent connection for dead, where it is told to", async () => {
  let nowMs = 0;
  const doubter = new Visitor({ name: "Tom", url: await room.url(), silentMs: 3_000, now: () => nowMs });
  await expect.poll(() => doubter.isIn).toBe(true);
  nowMs = 10_000;
  await expect.poll(() => doubter.gaps).toEqual([{ from: 0, to: 10_000 }]);
  doubter.leave();
});
