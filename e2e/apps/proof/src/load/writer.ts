/**
 * A client that writes the numbers 0, 1, 2 … to its journal over a WebSocket. After a close it connects again at once, and writes
 * again what was not confirmed, in order: as a page does that must not lose what somebody typed.
 */
import { WebSocket } from "ws";
import type { Landing, Written } from "./report.ts";

const AGAIN_MS = 50;

type FromServer =
  | { readonly welcome: string; readonly phase: string }
  | { readonly written: number }
  | { readonly failed: number; readonly error: string };

export class Writer {
  readonly key: string;
  readonly landings: Landing[] = [];
  readonly #url: string;
  #socket: WebSocket | undefined;
  #next = 0;
  #pod: string | undefined;
  readonly #waiting = new Map<number, number>();
  readonly #refused: string[] = [];
  #longestWaitMs = 0;
  #isOver = false;
  #isWelcome = false;
  #closedMs: number | undefined;
  #closeCode = 0;
  #attempts = 0;

  constructor(host: string, key: string) {
    this.key = key;
    this.#url = `ws://${host}/ws?key=${key}`;
    this.#connect();
  }

  get unconfirmed(): number {
    return this.#waiting.size;
  }

  get isConnected(): boolean {
    return this.#isWelcome;
  }

  write(): void {
    const number = this.#next++;
    this.#waiting.set(number, performance.now());
    this.#send(number);
  }

  end(): void {
    this.#isOver = true;
    this.#socket?.close();
  }

  /** `entries`: what is in the journal. */
  judged(entries: readonly number[]): Written {
    const times = new Map<number, number>();
    for (const entry of entries) times.set(entry, (times.get(entry) ?? 0) + 1);
    const all = Array.from({ length: this.#next }, (_, number) => number);
    return {
      key: this.key,
      written: this.#next,
      confirmed: this.#next - this.#waiting.size,
      lost: all.filter((number) => !times.has(number)),
      doubled: [...times].filter(([, count]) => count > 1).map(([number]) => number),
      outOfOrder: entries.filter((entry, index) => index > 0 && entry < (entries[index - 1] ?? 0)),
      refused: this.#refused,
      longestWaitMs: Math.round(this.#longestWaitMs),
    };
  }

  #connect(): void {
    const socket = new WebSocket(this.#url, { handshakeTimeout: 5_000, perMessageDeflate: false });
    this.#socket = socket;
    socket.on("message", (data: Buffer) => this.#hear(JSON.parse(data.toString()) as FromServer));
    socket.on("error", () => undefined);
    socket.once("close", (code) => {
      if (this.#isWelcome) {
        this.#closedMs = performance.now();
        this.#closeCode = code;
        this.#attempts = 0;
      }
      this.#isWelcome = false;
      this.#attempts++;
      if (this.#isOver) return;
      // At once after a close that was meant so; a moment later after one that was refused.
      if (this.#attempts === 1) this.#connect();
      else setTimeout(() => this.#connect(), AGAIN_MS);
    });
  }

  #hear(message: FromServer): void {
    if ("welcome" in message) return this.#welcomed(message.welcome, message.phase);
    if ("failed" in message) {
      // Not written, by a server that had tried for long: once more.
      this.#refused.push(`${message.failed}: ${message.error}`);
      if (this.#waiting.has(message.failed)) this.#send(message.failed);
      return;
    }
    const sinceMs = this.#waiting.get(message.written);
    if (sinceMs === undefined) return;
    this.#waiting.delete(message.written);
    this.#longestWaitMs = Math.max(this.#longestWaitMs, performance.now() - sinceMs);
  }

  #welcomed(pod: string, phase: string): void {
    this.#isWelcome = true;
    if (this.#closedMs !== undefined)
      this.landings.push({
        key: this.key,
        at: Date.now(),
        closeCode: this.#closeCode,
        from: this.#pod,
        pod,
        phase,
        gapMs: Math.round(performance.now() - this.#closedMs),
        attempts: this.#attempts,
      });
    this.#pod = pod;
    for (const number of this.#waiting.keys()) this.#send(number);
  }

  #send(number: number): void {
    if (this.#isWelcome) this.#socket?.send(String(number));
  }
}
