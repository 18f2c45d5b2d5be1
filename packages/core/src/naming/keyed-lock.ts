/** Locks by key, granted in the order asked. A lock ends with its function or with the process that holds it. */
import { atExit } from "../process/exit.ts";
import { type ExitReason, fenceError } from "../process/exit-reason.ts";
import type { Process } from "../process/process.ts";

interface Turn {
  grant(): void;
  refuse(error: Error): void;
}

export class KeyedLock {
  /** The first of each key holds its lock, the others wait. */
  readonly #turns = new Map<unknown, Set<Turn>>();

  async run<T>(key: unknown, owner: Process | undefined, run: () => T | Promise<T>): Promise<T> {
    const waiting = Promise.withResolvers<void>();
    const turn: Turn = { grant: waiting.resolve, refuse: waiting.reject };
    const leave = (reason?: ExitReason): void => {
      if (owner !== undefined && !owner.alive) turn.refuse(fenceError(owner.pid.toString(), reason));
      owner?.extras?.atExit?.delete(leave);
      this.#leave(key, turn);
    };
    if (owner !== undefined) atExit(owner, leave);
    this.#enter(key, turn);
    try {
      await waiting.promise;
      return await run();
    } finally {
      leave();
    }
  }

  #enter(key: unknown, turn: Turn): void {
    const turns = this.#turns.get(key);
    if (turns !== undefined) {
      turns.add(turn);
      return;
    }
    this.#turns.set(key, new Set([turn]));
    turn.grant();
  }

  #leave(key: unknown, turn: Turn): void {
    const turns = this.#turns.get(key);
    if (turns === undefined || !turns.delete(turn)) return;
    const next = turns.values().next().value;
    if (next === undefined) this.#turns.delete(key);
    // Whoever was granted its turn already is not harmed by a second grant: it stays the first.
    else next.grant();
  }

  /** Nobody gets a lock any more. */
  close(error: Error): void {
    for (const turns of this.#turns.values()) for (const turn of turns) turn.refuse(error);
    this.#turns.clear();
  }
}
