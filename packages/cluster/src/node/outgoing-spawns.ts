/** Spawn requests over one connection: each hears that its process started, or why not, and how it ended. */
import type { ExitReason } from "@interlock/core";
import { type LocalPid, Reference } from "@interlock/core/distribution";
import { type Atom, atom } from "@interlock/wire";
import { takesTerms } from "./attached.ts";
import type { Link } from "./peer.ts";

export interface SpawnWaiter {
  /** Why no process was started: OTP's word for it. */
  refused(why: string): void;
  /** The process has ended, or the connection has. */
  ended(reason: ExitReason): void;
}

/** What to run there. */
export interface RemoteStart {
  readonly module: Atom;
  readonly function: Atom;
  /** Given the request's own reference, as `erpc` wants it among the arguments. */
  readonly args: (ref: Reference) => readonly unknown[];
}

const MONITOR = [atom("monitor")];

export class OutgoingSpawns {
  readonly #open = new Map<number, { readonly waiter: SpawnWaiter; readonly exact: boolean }>();

  /** @returns what ends the interest in it. **Errors** INTERLOCK_WIRE_UNENCODABLE, INTERLOCK_WIRE_LIMIT */
  start(link: Link, from: LocalPid, what: RemoteStart, waiter: SpawnWaiter): () => void {
    const ref = new Reference();
    const args = what.args(ref);
    const { module, function: name } = what;
    link.send(
      {
        type: "SPAWN_REQUEST",
        ref,
        from,
        groupLeader: from,
        module,
        function: name,
        arity: args.length,
        options: MONITOR,
      },
      args,
    );
    this.#open.set(ref.id, { waiter, exact: from.process !== undefined && takesTerms(from.process) });
    return () => this.#open.delete(ref.id);
  }

  replied(ref: number, result: object): void {
    const open = this.#open.get(ref);
    // A pid: how it ends is what the waiter waits for.
    if (open === undefined || !("name" in result)) return;
    this.#open.delete(ref);
    open.waiter.refused(String(result.name));
  }

  /** False: the reference is of no process that was started from here. */
  ended(ref: number, reason: (exact: boolean) => ExitReason): boolean {
    const open = this.#open.get(ref);
    if (open === undefined) return false;
    this.#open.delete(ref);
    open.waiter.ended(reason(open.exact));
    return true;
  }

  close(): void {
    const all = [...this.#open.values()];
    this.#open.clear();
    for (const { waiter } of all) waiter.ended("noconnection");
  }
}
