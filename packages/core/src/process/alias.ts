/** Aliases: addresses of a process that can be given up before the process ends. @see erlang:alias/1 */
import { Reference } from "./pid.ts";
import type { Process } from "./process.ts";

/** Takes messages of type `M` for its process until it is dropped; after that they vanish silently. */
export interface Alias<in M = never> {
  /** For the compiler only. */
  readonly "~alias": (message: M) => void;
  /** @returns whether it was active. @see erlang:unalias/1 */
  unalias(): boolean;
}

/**
 * What ends the alias of a monitor, beside `unalias`: nothing, the end of the monitor (demonitor or DOWN), or that and
 * the first message through it, which ends the monitor as well. @see erlang:monitor/3
 */
export type AliasMode = "explicit_unalias" | "demonitor" | "reply_demonitor";

export interface AliasOptions {
  /** Ends with the first message through it. */
  readonly reply?: boolean;
}

export class LocalAlias<M = never> extends Reference implements Alias<M> {
  declare readonly "~alias": (message: M) => void;
  #process: Process | undefined;
  readonly #once: boolean;
  readonly #used: (() => void) | undefined;

  /** `used` is called with the one message of an alias that ends `once` it was used. */
  constructor(process: Process, once: boolean, used?: () => void) {
    super();
    this.#process = process;
    this.#once = once;
    this.#used = used;
  }

  /** Whose it is, as long as it is one. */
  get process(): Process | undefined {
    return this.#process;
  }

  /** Whom a message goes to now. */
  receiver(): Process | undefined {
    const process = this.#process;
    if (this.#once && process !== undefined) {
      this.#process = undefined;
      this.#used?.();
    }
    return process;
  }

  unalias(): boolean {
    const active = this.#process?.alive === true;
    this.#process = undefined;
    return active;
  }
}
