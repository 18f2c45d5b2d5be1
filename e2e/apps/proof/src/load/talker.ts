/**
 * A visitor of the newsroom's chat, as its page is one: every line has an id, and goes out again after a reconnect until it was
 * heard on the wall.
 */
import { randomUUID } from "node:crypto";
import { WebSocket } from "ws";
import type { Heard } from "./report.ts";

const ROOM = "town-square";
const AGAIN_MS = 100;

interface Said {
  readonly number: number;
  readonly id: string;
  readonly text: string;
}

type FromRoom =
  | ({ readonly type: "said" } & Said)
  | { readonly type: "joined"; readonly history: readonly Said[] }
  | { readonly type: "notice" | "people" | "room-down" };

export class Talker {
  readonly name: string;
  readonly #url: string;
  /** Text of each line by its number in the room. */
  readonly #heard = new Map<number, string>();
  readonly #unsaid = new Map<string, string>();
  readonly #gapsMs: number[] = [];
  #socket: WebSocket | undefined;
  #goneMs: number | undefined;
  #isIn = false;
  #isOver = false;
  #outOfOrder = 0;
  #highest = 0;

  constructor(host: string, name: string) {
    this.name = name;
    this.#url = `ws://${host}/chat`;
    this.#connect();
  }

  get isIn(): boolean {
    return this.#isIn;
  }

  get unsaid(): number {
    return this.#unsaid.size;
  }

  say(text: string): void {
    const id = randomUUID();
    this.#unsaid.set(id, text);
    this.#send(id, text);
  }

  end(): void {
    this.#isOver = true;
    this.#socket?.close();
  }

  judged(spoken: readonly string[]): Heard {
    const times = new Map<string, number>();
    for (const text of this.#heard.values()) times.set(text, (times.get(text) ?? 0) + 1);
    return {
      name: this.name,
      lost: spoken.filter((text) => !times.has(text)),
      doubled: [...times].filter(([, count]) => count > 1).map(([text]) => text),
      outOfOrder: this.#outOfOrder,
      gapsMs: this.#gapsMs,
    };
  }

  #connect(): void {
    const socket = new WebSocket(this.#url, { handshakeTimeout: 5_000, perMessageDeflate: false });
    this.#socket = socket;
    socket.on("open", () => socket.send(JSON.stringify({ type: "join", room: ROOM, name: this.name })));
    socket.on("error", () => undefined);
    socket.on("message", (data: Buffer) => this.#hear(JSON.parse(data.toString()) as FromRoom));
    socket.once("close", () => {
      const wasIn = this.#isIn;
      this.#isIn = false;
      this.#goneMs ??= performance.now();
      if (this.#isOver) return;
      if (wasIn) this.#connect();
      else setTimeout(() => this.#connect(), AGAIN_MS);
    });
  }

  #hear(message: FromRoom): void {
    if (message.type === "said") return this.#line(message, true);
    if (message.type !== "joined") return;
    if (this.#goneMs !== undefined) this.#gapsMs.push(Math.round(performance.now() - this.#goneMs));
    this.#goneMs = undefined;
    this.#isIn = true;
    for (const said of message.history) this.#line(said, false);
    for (const [id, text] of this.#unsaid) this.#send(id, text);
  }

  /** What is in the history and in the news has the same number: it is one line. */
  #line({ id, number, text }: Said, isNews: boolean): void {
    this.#unsaid.delete(id);
    if (this.#heard.has(number)) return;
    if (isNews && number < this.#highest) this.#outOfOrder++;
    this.#highest = Math.max(this.#highest, number);
    this.#heard.set(number, text);
  }

  #send(id: string, text: string): void {
    if (this.#isIn) this.#socket?.send(JSON.stringify({ type: "say", id, text }));
  }
}
