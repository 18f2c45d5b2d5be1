/** Ports of nodes in one test, on a network where everything takes a while: connections are made and bytes arrive by a clock. */
import type { Timers } from "@interlock/core";
import { type Address, nodePorts, type Ports, type Socket, type SocketEvents } from "../ports.ts";

/** One side of a connection. What it sends arrives in order, each piece after a delay of its own. */
class Side implements Socket {
  readonly remote = "delayed";
  readonly buffered = 0;
  other: Side | undefined;
  readonly #network: DelayedNetwork;
  readonly #early: ((events: SocketEvents) => void)[] = [];
  #events: SocketEvents | undefined;
  #arrivedMs = 0;
  #open = true;

  constructor(network: DelayedNetwork) {
    this.#network = network;
  }

  isFor(): boolean {
    return true;
  }

  open(events: SocketEvents): void {
    this.#events = events;
    for (const one of this.#early.splice(0)) one(events);
  }

  write(...chunks: readonly Uint8Array[]): void {
    if (!this.#open) return;
    const copies = chunks.map((chunk) => chunk.slice());
    this.#send((to) => {
      for (const copy of copies) to.#happens((events) => events.data(copy));
    });
  }

  end(): void {
    this.destroy();
  }

  destroy(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#send((to) => to.#closed());
    this.#network.after(0, () => this.#happens((events) => events.closed(undefined)));
  }

  #closed(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#happens((events) => events.closed(undefined));
  }

  #send(arrives: (to: Side) => void): void {
    const { other } = this;
    this.#arrivedMs = Math.max(this.#arrivedMs, this.#network.nowMs() + this.#network.delayMs());
    if (other !== undefined) this.#network.after(this.#arrivedMs - this.#network.nowMs(), () => arrives(other));
  }

  #happens(event: (events: SocketEvents) => void): void {
    if (this.#events === undefined) this.#early.push(event);
    else event(this.#events);
  }
}

export class DelayedNetwork {
  readonly nowMs: () => number;
  /** Of the next thing that is on its way. */
  readonly delayMs: () => number;
  readonly #timers: Timers;
  readonly #listening = new Map<number, (socket: Socket) => void>();

  constructor(timers: Timers, nowMs: () => number, delayMs: () => number) {
    this.#timers = timers;
    this.nowMs = nowMs;
    this.delayMs = delayMs;
  }

  after(delayMs: number, callback: () => void): void {
    this.#timers.set(callback, delayMs);
  }

  get ports(): Ports {
    return {
      ...nodePorts,
      listen: async (at, accepted) => {
        this.#listening.set(at.port, accepted);
        return { address: at, close: async () => void this.#listening.delete(at.port) };
      },
      dial: (to, signal) => this.#dial(to, signal),
    };
  }

  #dial(to: Address, signal: AbortSignal): Promise<Socket> {
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      this.after(this.delayMs(), () => {
        const accepted = this.#listening.get(to.port);
        if (accepted === undefined) return this.after(this.delayMs(), () => reject(new Error("refused")));
        const [near, far] = [new Side(this), new Side(this)];
        near.other = far;
        far.other = near;
        accepted(far);
        // Given up meanwhile: the other side has it all the same, and is told.
        if (signal.aborted) return near.destroy();
        signal.addEventListener("abort", () => near.destroy(), { once: true });
        return this.after(this.delayMs(), () => resolve(near));
      });
    });
  }
}
