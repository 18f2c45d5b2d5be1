/**
 * A visitor of the newsroom's chat, as its page is one: comes back when its connection has ended, and says again what it has not
 * heard yet. That is no retry of a request: every line has an id, and is to be said once.
 */
import { randomUUID } from "node:crypto";
import { WebSocket } from "ws";

const ROOM = "town-square";
const AGAIN_MS = 100;
/** After so long a line that has not come back is said again, on the same connection. */
const UNHEARD_MS = 2_000;

export interface VisitorOptions {
  readonly name: string;
  /** `ws://host:port/chat`. */
  readonly url: string;
  /** Milliseconds without a word from the room after which the connection is taken for dead. Default: it is believed. */
  readonly silentMs?: number;
  /** Milliseconds, from whenever one likes. Default `performance.now`. */
  readonly now?: () => number;
}

/** A line that this visitor said. */
export interface Spoken {
  readonly id: string;
  readonly at: number;
  /** When it was heard by whoever said it. */
  confirmedAt?: number | undefined;
}

/** Out of the room. */
export interface Gap {
  readonly from: number;
  /** Undefined: was not back at the end. */
  readonly to?: number | undefined;
}

interface Said {
  readonly id: string;
  readonly number: number;
}

type FromRoom =
  | ({ readonly type: "said" } & Said)
  | { readonly type: "joined"; readonly history: readonly Said[]; readonly node?: string; readonly roomNode?: string }
  | { readonly type: "notice" | "people" | "room-down" };

export class Visitor {
  readonly name: string;
  readonly spoken: Spoken[] = [];
  /** Each line's numbers in the room, by its id: two, if it was said twice. */
  readonly heard = new Map<string, Set<number>>();
  /** The other way round: what was said under each number is one line, if there is one room. */
  readonly #numbered = new Map<number, string>();
  readonly #contradictions = new Set<number>();
  /** Since it was first in the room. */
  readonly gaps: Gap[] = [];
  readonly #url: string;
  readonly #silentMs: number;
  readonly #now: () => number;
  readonly #unheard = new Map<string, { readonly spoken: Spoken; sentAt: number }>();
  readonly #watch: NodeJS.Timeout;
  #socket: WebSocket;
  #lastHeardAt: number;
  /** Since when it is out of the room; undefined: it is in. */
  #outSince: number | undefined;
  #hasBeenIn = false;
  #isLeaving = false;
  #place = "";
  #highest = 0;
  #outOfOrder = 0;

  constructor({ name, now = () => performance.now(), silentMs = Number.POSITIVE_INFINITY, url }: VisitorOptions) {
    this.name = name;
    this.#url = url;
    this.#silentMs = silentMs;
    this.#now = now;
    this.#outSince = now();
    this.#lastHeardAt = now();
    this.#socket = this.#connect();
    this.#watch = setInterval(() => this.#look(), 200);
  }

  get isIn(): boolean {
    return this.#outSince === undefined;
  }

  /** Lines of its own that have not come back. */
  get unheard(): number {
    return this.#unheard.size;
  }

  /** News that came after later news. */
  get outOfOrder(): number {
    return this.#outOfOrder;
  }

  /** Numbers under which it has heard more than one line: there were two rooms. */
  get contradictions(): readonly number[] {
    return [...this.#contradictions];
  }

  /** Where it ended up, as the room said when it let it in. */
  get place(): string {
    return this.#place;
  }

  say(id: string = randomUUID()): string {
    const spoken: Spoken = { id, at: this.#now() };
    this.spoken.push(spoken);
    this.#unheard.set(id, { spoken, sentAt: Number.NEGATIVE_INFINITY });
    this.#sayAll();
    return id;
  }

  leave(): void {
    this.#isLeaving = true;
    clearInterval(this.#watch);
    this.#socket.terminate();
    if (this.#outSince !== undefined) this.gaps.push({ from: this.#outSince });
  }

  #connect(): WebSocket {
    const socket = new WebSocket(this.#url, { handshakeTimeout: 5_000, perMessageDeflate: false });
    socket.on("open", () => socket.send(JSON.stringify({ type: "join", room: ROOM, name: this.name })));
    socket.on("error", () => undefined);
    socket.on("message", (data) => this.#hear(JSON.parse((data as Buffer).toString()) as FromRoom));
    socket.once("close", () => {
      if (this.#isLeaving) return;
      const wasIn = this.isIn;
      this.#outSince ??= this.#now();
      setTimeout(
        () => {
          this.#lastHeardAt = this.#now();
          if (!this.#isLeaving) this.#socket = this.#connect();
        },
        wasIn ? 0 : AGAIN_MS,
      );
    });
    return socket;
  }

  #hear(message: FromRoom): void {
    this.#lastHeardAt = this.#now();
    if (message.type === "said") return this.#note(message, true);
    if (message.type !== "joined") return;
    if (this.#outSince !== undefined && this.#hasBeenIn) this.gaps.push({ from: this.#outSince, to: this.#now() });
    this.#outSince = undefined;
    this.#hasBeenIn = true;
    this.#place = `${message.node}, its room at ${message.roomNode}`;
    for (const said of message.history) this.#note(said, false);
    for (const line of this.#unheard.values()) line.sentAt = Number.NEGATIVE_INFINITY;
    this.#sayAll();
  }

  /** What is in the history and in the news has the same number: it is one line. */
  #note({ id, number }: Said, isNews: boolean): void {
    const numbers = this.heard.get(id) ?? new Set();
    const isKnown = numbers.has(number);
    this.heard.set(id, numbers.add(number));
    if (!isKnown && isNews && number < this.#highest) this.#outOfOrder++;
    this.#highest = Math.max(this.#highest, number);
    if ((this.#numbered.get(number) ?? id) !== id) this.#contradictions.add(number);
    this.#numbered.set(number, id);
    const own = this.#unheard.get(id);
    if (own === undefined) return;
    own.spoken.confirmedAt = this.#now();
    this.#unheard.delete(id);
  }

  #look(): void {
    if (this.#now() - this.#lastHeardAt > this.#silentMs && this.#socket.readyState === WebSocket.OPEN) {
      this.#outSince ??= this.#lastHeardAt;
      this.#socket.terminate();
    }
    this.#sayAll();
  }

  #sayAll(): void {
    if (!this.isIn || this.#socket.readyState !== WebSocket.OPEN) return;
    for (const [id, line] of this.#unheard) {
      if (this.#now() - line.sentAt < UNHEARD_MS) continue;
      line.sentAt = this.#now();
      this.#socket.send(JSON.stringify({ type: "say", id, text: id }));
    }
  }
}
