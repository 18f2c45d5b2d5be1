/** Spawn requests over one connection: each hears that its process started, or why not, and how it ended. */
import type { ExitReason } from "@interlock/core";
import { LocalPid, Reference } from "@interlock/core/distribution";
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

interface Spawned {
  /** Undefined: nobody waits for it any more, and no reply has come yet. */
  waiter: SpawnWaiter | undefined;
  readonly exact: boolean;
  /** Ends the monitor of the process, which is known once the other side has replied. */
  readonly demonitor: (pid: LocalPid) => void;
  pid: LocalPid | undefined;
}

export class OutgoingSpawns {
  readonly #open = new Map<number, Spawned>();

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
    const exact = from.process !== undefined && takesTerms(from.process);
    const demonitor = (to: LocalPid): void => link.send({ type: "DEMONITOR_P", from, to, ref });
    this.#open.set(ref.id, { waiter, exact, demonitor, pid: undefined });
    return () => this.#abandon(ref.id);
  }

  /** OTP's spawn_request_abandon: the process runs on, and its node need not tell how it ends. */
  #abandon(ref: number): void {
    const open = this.#open.get(ref);
    if (open === undefined) return;
    open.waiter = undefined;
    if (open.pid !== undefined) this.#demonitor(ref, open, open.pid);
  }

  #demonitor(ref: number, { demonitor }: Spawned, pid: LocalPid): void {
    this.#open.delete(ref);
    demonitor(pid);
  }

  replied(ref: number, result: object): void {
    const open = this.#open.get(ref);
    if (open === undefined) return;
    if (result instanceof LocalPid) {
      // How it ends is what the waiter waits for.
      open.pid = result;
      if (open.waiter === undefined) this.#demonitor(ref, open, result);
      return;
    }
    this.#open.delete(ref);
    open.waiter?.refused(String((result as Atom).name));
  }

  /** False: the reference is of no process that was started from here. */
  ended(ref: number, reason: (exact: boolean) => ExitReason): boolean {
    const open = this.#open.get(ref);
    if (open === undefined) return false;
    this.#open.delete(ref);
    open.waiter?.ended(reason(open.exact));
    return true;
  }

  close(): void {
    const all = [...this.#open.values()];
    this.#open.clear();
    for (const { waiter } of all) waiter?.ended("noconnection");
  }
}
