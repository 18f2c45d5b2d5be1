/**
 * Other nodes, as the operations of this package see them. `@interlock/cluster` implements both interfaces; nothing here
 * knows of sockets or bytes.
 *
 * A route takes signals in the order given. When its connection ends, it tells everyone who has a link or a monitor over
 * it, and every call, exactly once, with `noconnection`.
 */
import type { OpenCall } from "./call.ts";
import type { ExitReason } from "./exit-reason.ts";
import type { LocalMonitor } from "./monitor.ts";
import type { LocalPid, NodeName, RemoteReference } from "./pid.ts";

/** A process or a registered name of the node that a route leads to. */
export type Addressee = LocalPid | RemoteReference | string;

export interface Route {
  /** A message; it waits for a connection if there is none. Throws for what cannot be encoded. */
  send(from: LocalPid, to: Addressee, message: unknown): void;
  /** False when it could not be taken now: no connection, or a busy one. */
  trySend(from: LocalPid, to: Addressee, message: unknown): boolean;
  cast(from: LocalPid, to: Addressee, operation: string, args: readonly unknown[]): void;
  /** Sends the request; `call.reply` or `call.fail` follows. When `call.settled` first, what comes later is dropped. */
  call(from: LocalPid, to: Addressee, call: OpenCall): void;
  /** Resolves when a message would be taken; rejects with INTERLOCK_NOCONNECTION. */
  ready(timeoutMs: number): Promise<void>;
  link(from: LocalPid, to: LocalPid): void;
  unlink(from: LocalPid, to: LocalPid): void;
  /** `from`, linked to `to`, has ended. */
  exitLinked(from: LocalPid, to: LocalPid, reason: ExitReason): void;
  /** `exit(to, reason)`. */
  exit(from: LocalPid, to: LocalPid, reason: ExitReason): void;
  /** Orders a process of a behaviour to end; how it does its monitors tell. @see sys:terminate/2 */
  stop(from: LocalPid, to: Addressee, reason: ExitReason): void;
  /** `monitor.fire` follows once, unless `demonitor` comes first. */
  monitor(monitor: LocalMonitor, to: Addressee): void;
  demonitor(monitor: LocalMonitor): void;
}

export interface Network {
  /** The route to the node of that name, connected or not. */
  routeTo(name: NodeName): Route;
}

/** A route and whom to reach by it. */
export interface Away {
  readonly route: Route;
  readonly to: Addressee;
}
