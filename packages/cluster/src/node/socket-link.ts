/**
 * An open connection on its socket. What is sent until nothing is left to do at once leaves in one write. Owns the ticks (any
 * byte counts), the limits on what waits to be written, and the end: for bytes that are no protocol, for silence, for a
 * peer that takes nothing any more.
 *
 * @see https://www.erlang.org/doc/apps/kernel/kernel_app#net_ticktime
 */
import type { Runtime } from "@interlock/core";
import type { Connection, ControlMessage, Established, MessageSink } from "@interlock/wire";
import type { Socket } from "../ports.ts";
import type { Link } from "./peer.ts";

export interface SocketLinkOptions {
  readonly runtime: Runtime;
  /** Milliseconds: a peer that is silent for so long is gone. */
  readonly tickMs: number;
  /** From so many bytes on, written and not yet sent, the link is busy. */
  readonly busyBytes: number;
  /** With so many it is closed: the peer takes nothing. */
  readonly mostBytes: number;
  readonly receive: MessageSink;
  /** Once, with the reason. */
  closed(reason: string, error: unknown): void;
}

/** OTP sends a tick when a quarter of the tick time has passed without one byte out. */
const TICKS = 4;

export class SocketLink implements Link {
  readonly rich: boolean;
  readonly spawns: boolean;
  readonly #socket: Socket;
  readonly #connection: Connection;
  readonly #options: SocketLinkOptions;
  #drained: (() => void)[] = [];
  #open = true;
  #sent = false;
  #received = false;
  #silent = 0;
  #timer: unknown;

  constructor(
    socket: Socket,
    connection: Connection,
    { interlock, spawns }: Pick<Established, "interlock" | "spawns">,
    options: SocketLinkOptions,
  ) {
    this.#socket = socket;
    this.#connection = connection;
    this.rich = interlock;
    this.spawns = spawns;
    this.#options = options;
    this.#timer = options.runtime.timers.set(this.#tick, options.tickMs / TICKS);
  }

  get busy(): boolean {
    return this.#socket.buffered + this.#connection.pendingBytes >= this.#options.busyBytes;
  }

  send(control: ControlMessage, payload?: unknown): void {
    if (!this.#open) return;
    const waits = this.#connection.pendingBytes > 0;
    this.#connection.write(control, payload);
    // After all that is going on now, so that it goes out with what that has to say.
    if (!waits) this.#options.runtime.turns.settled(this.#flush);
  }

  readonly #flush = (): void => {
    if (!this.#open || this.#connection.pendingBytes === 0) return;
    this.#sent = true;
    this.#socket.write(...this.#connection.take());
    if (this.#socket.buffered > this.#options.mostBytes) this.close("busy for too long: the peer takes nothing");
  };

  drained(): Promise<void> {
    if (!this.#open || !this.busy) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  /** What was written has left. */
  onDrain(): void {
    if (this.busy) return;
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  /** Where the socket had best read the next bytes to. */
  get room(): Uint8Array | undefined {
    return this.#open ? this.#connection.room : undefined;
  }

  onData(bytes: Uint8Array): void {
    this.#received = true;
    if (!this.#open) return;
    try {
      this.#connection.receive(bytes, this.#sink);
    } catch (error) {
      this.#end("bytes that are no protocol", error);
    }
  }

  /** What one message does may close the connection: then those behind it are lost, as all that was on its way. */
  readonly #sink: MessageSink = (control, payload) => {
    if (this.#open) this.#options.receive(control, payload);
  };

  onClosed(error: Error | undefined): void {
    this.#end("connection_closed", error);
  }

  close(reason: string): void {
    this.#end(reason, undefined);
  }

  #end(reason: string, error: unknown): void {
    if (!this.#open) return;
    // What was said before goes out before the end.
    if (error === undefined) this.#flush();
    this.#open = false;
    this.#options.runtime.timers.clear(this.#timer);
    if (error === undefined) this.#socket.end();
    else this.#socket.destroy();
    for (const resolve of this.#drained.splice(0)) resolve();
    this.#options.closed(reason, error);
  }

  readonly #tick = (): void => {
    const { runtime, tickMs } = this.#options;
    this.#silent = this.#received ? 0 : this.#silent + 1;
    this.#received = false;
    if (this.#silent >= TICKS) {
      this.#socket.destroy();
      return this.#end("net_tick_timeout", undefined);
    }
    if (!this.#sent) this.#socket.write(this.#connection.tick());
    this.#sent = false;
    this.#timer = runtime.timers.set(this.#tick, tickMs / TICKS);
  };
}
