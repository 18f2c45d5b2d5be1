/**
 * The connections of an HTTP server as far as their end is concerned. HTTP/1 has no way to refuse a request that crosses the end of
 * its connection, so a connection is ended only when nothing has come in that the program has not seen yet; and its end is a half
 * one: what is on its way in is taken, because the kernel answers it with a reset otherwise, which overtakes the last answer.
 */
import type { Socket } from "node:net";
import { nodeRuntime, unowned } from "@interlock/core";
import { pause } from "@interlock/core/distribution";

/** For a client to end its half. */
const LINGER_MS = 1_000;
/** For a new connection to ask for the first time. One that is silent for longer is idle. */
const FIRST_MS = 1_000;
/** So many are ended before the next look at what has come in. */
const AT_ONCE = 50;

interface Connection {
  readonly socket: Socket;
  readonly sinceMs: number;
  /** Requests that are being answered. */
  asking: number;
  /** How much had come in when the last one was answered; undefined: nothing has been asked for yet. */
  readBytes: number | undefined;
}

export class Connections {
  readonly #all = new Map<Socket, Connection>();
  /** Connections whose TLS handshake goes on, by the addresses of both sides. */
  readonly #handshakes = new Map<string, Socket>();
  #accepted = 0;
  #acceptedMs = -Infinity;
  #quiet: (() => void) | undefined;

  get size(): number {
    return this.#all.size + this.#handshakes.size;
  }

  /** The TCP connection of one that will be `opened`. */
  shakesHands(socket: Socket): void {
    this.#accept();
    const peer = peerOf(socket);
    this.#handshakes.set(peer, socket);
    socket.once("close", () => {
      this.#handshakes.delete(peer);
      this.#look();
    });
  }

  opened(socket: Socket): void {
    if (!this.#handshakes.delete(peerOf(socket))) this.#accept();
    const sinceMs = nodeRuntime.clock.now();
    this.#all.set(socket, { socket, sinceMs, asking: 0, readBytes: undefined });
    socket.once("close", () => this.gone(socket));
  }

  #accept(): void {
    this.#accepted++;
    this.#acceptedMs = nodeRuntime.clock.now();
  }

  /** It has ended, or become something else. */
  gone(socket: Socket): void {
    this.#all.delete(socket);
    this.#look();
  }

  #look(): void {
    if (this.size === 0) this.#quiet?.();
  }

  /** @returns what is to be called when the request has been answered. */
  asks(socket: Socket): () => void {
    const connection = this.#all.get(socket);
    if (connection === undefined) return () => undefined;
    connection.asking++;
    return () => {
      connection.asking--;
      connection.readBytes = socket.bytesRead;
    };
  }

  /** Resolves when there are none, or the signal is aborted. */
  untilNone(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (this.size === 0 || signal.aborted) return resolve();
      this.#quiet = resolve;
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }

  /** Resolves when there are none and none has come for so long, or the signal is aborted. */
  async untilQuiet(quietMs: number, signal: AbortSignal): Promise<void> {
    const { clock, timers } = nodeRuntime;
    for (;;) {
      await this.untilNone(signal);
      const leftMs = this.#acceptedMs + quietMs - clock.now();
      if (leftMs <= 0 || signal.aborted) return;
      await pause(timers, leftMs, signal).catch(() => undefined);
    }
  }

  /** As far as the program has seen. */
  seemsIdle(socket: Socket): boolean {
    const connection = this.#all.get(socket);
    return connection !== undefined && isIdle(connection);
  }

  async endIfIdle(socket: Socket): Promise<void> {
    await everythingRead();
    if (this.seemsIdle(socket)) endGently(socket);
  }

  async endIdle(): Promise<void> {
    const all = [...this.#all.values()];
    for (let from = 0; from < all.length; from += AT_ONCE) {
      await everythingRead();
      for (const connection of all.slice(from, from + AT_ONCE)) if (isIdle(connection)) endGently(connection.socket);
    }
  }

  /** Resolves when nobody waits to be accepted: whoever does is reset when the listener is closed. */
  async allAccepted(signal: AbortSignal): Promise<void> {
    for (let before = -1; before !== this.#accepted && !signal.aborted; ) {
      before = this.#accepted;
      await everythingRead();
    }
  }

  cutBusy(): void {
    for (const { asking, socket } of this.#all.values()) if (asking > 0) socket.destroy();
  }

  cutAll(): void {
    for (const socket of [...this.#all.keys(), ...this.#handshakes.values()]) socket.destroy();
  }
}

function peerOf({ localPort, remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localPort}`;
}

function isIdle({ asking, readBytes, sinceMs, socket }: Connection): boolean {
  if (asking > 0) return false;
  return readBytes === undefined
    ? nodeRuntime.clock.now() - sinceMs > FIRST_MS && socket.bytesRead === 0
    : readBytes === socket.bytesRead;
}

/**
 * Resolves when the program has seen all that its kernel had got before. Timers run before input is looked at, so to them a
 * connection seems idle whose request came in while the event loop was late; the first turn may be in the middle of that look.
 */
async function everythingRead(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise<void>((resolve) => nodeRuntime.turns.immediate(resolve));
}

/** Ends our half of a connection, once what was written has gone out, and the whole of it when its client has ended the other half. */
export function endGently(socket: Socket): void {
  if (socket.writableEnded) return;
  socket.end();
  socket.resume();
  const { timers } = nodeRuntime;
  const limit = unowned(() => timers.set(() => socket.destroy(), LINGER_MS));
  socket.once("close", () => timers.clear(limit));
}
