/**
 * Who chats, as the newsroom's page does: a user connects again when the line is cut or has been silent for too long, and says
 * again what has not come back. That is no retry of a request: each message has an id, and is to be said once.
 */
import { randomUUID } from "node:crypto";
import { WebSocket } from "ws";
import type { GapRecord, SpokenRecord, UserRecord } from "./log.ts";

/** Somebody talks twice a second, so this is no pause in the conversation. */
const SILENT_MS = 3_000;
const AGAIN_MS = 100;
const UNCONFIRMED_MS = 2_000;

interface Said {
  readonly id: string;
  readonly number: number;
}

type Heard =
  | ({ readonly type: "said" } & Said)
  | { readonly type: "joined"; readonly history: readonly Said[] }
  | { readonly type: "people" | "notice" | "room-down" };

export class User {
  readonly gaps: GapRecord[] = [];
  readonly spoken: SpokenRecord[] = [];
  readonly #heard = new Map<string, Set<number>>();
  readonly #unconfirmed = new Map<string, { readonly record: SpokenRecord; sentAt: number }>();
  readonly #name: string;
  readonly #url: string;
  readonly #now: () => number;
  readonly #watch: NodeJS.Timeout;
  #socket: WebSocket;
  #lastHeardAt: number;
  /** When it was last in the room; undefined while it is. */
  #outSince: number | undefined;
  #isLeaving = false;

  constructor(name: string, url: string, now: () => number) {
    this.#name = name;
    this.#url = url;
    this.#now = now;
    this.#outSince = now();
    this.#lastHeardAt = now();
    this.#socket = this.#connect();
    this.#watch = setInterval(() => this.#look(), 200);
  }

  get isIn(): boolean {
    return this.#outSince === undefined;
  }

  say(): void {
    const record: SpokenRecord = { id: randomUUID(), at: this.#now() };
    this.spoken.push(record);
    this.#unconfirmed.set(record.id, { record, sentAt: Number.NEGATIVE_INFINITY });
    this.#sayAll();
  }

  /** How it came in at first is no gap. */
  begin(): void {
    this.gaps.length = 0;
  }

  leave(): UserRecord {
    this.#isLeaving = true;
    clearInterval(this.#watch);
    this.#socket.terminate();
    if (this.#outSince !== undefined) this.gaps.push({ from: this.#outSince });
    const heard = Object.fromEntries([...this.#heard].map(([id, numbers]) => [id, [...numbers]]));
    return { heard, gaps: this.gaps };
  }

  #connect(): WebSocket {
    const socket = new WebSocket(this.#url, { handshakeTimeout: SILENT_MS });
    socket.on("open", () => socket.send(JSON.stringify({ type: "join", room: "town-square", name: this.#name })));
    socket.on("error", () => undefined);
    socket.on("message", (data) => this.#hear(JSON.parse((data as Buffer).toString()) as Heard));
    socket.on("close", () => {
      if (this.#isLeaving) return;
      this.#outSince ??= this.#now();
      setTimeout(() => {
        this.#lastHeardAt = this.#now();
        this.#socket = this.#connect();
      }, AGAIN_MS);
    });
    return socket;
  }

  #hear(message: Heard): void {
    this.#lastHeardAt = this.#now();
    if (message.type === "said") this.#note(message);
    if (message.type !== "joined") return;
    if (this.#outSince !== undefined) this.gaps.push({ from: this.#outSince, to: this.#now() });
    this.#outSince = undefined;
    for (const said of message.history) this.#note(said);
    for (const one of this.#unconfirmed.values()) one.sentAt = Number.NEGATIVE_INFINITY;
    this.#sayAll();
  }

  #note({ id, number }: Said): void {
    const numbers = this.#heard.get(id) ?? new Set();
    this.#heard.set(id, numbers.add(number));
    const mine = this.#unconfirmed.get(id);
    if (mine === undefined) return;
    mine.record.confirmedAt = this.#now();
    this.#unconfirmed.delete(id);
  }

  #look(): void {
    if (this.#now() - this.#lastHeardAt > SILENT_MS && this.#socket.readyState === WebSocket.OPEN) {
      this.#outSince ??= this.#lastHeardAt;
      this.#socket.terminate();
    }
    this.#sayAll();
  }

  #sayAll(): void {
    if (!this.isIn || this.#socket.readyState !== WebSocket.OPEN) return;
    for (const [id, one] of this.#unconfirmed) {
      if (this.#now() - one.sentAt < UNCONFIRMED_MS) continue;
      one.sentAt = this.#now();
      this.#socket.send(JSON.stringify({ type: "say", id, text: id }));
    }
  }
}
