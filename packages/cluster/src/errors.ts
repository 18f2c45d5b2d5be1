/** Every coded error of this package; the form and the brand are the core's, so that `isError` knows them. */
import type { NodeName } from "@interlock/core";

/** What each code's `details` holds. */
export interface ClusterErrorDetails {
  /** A connection that did not come about. */
  readonly INTERLOCK_CONNECT: { readonly node: NodeName; readonly problem: string };
  /** The node's own listener or its registration. */
  readonly INTERLOCK_LISTEN: { readonly node: NodeName; readonly problem: string };
  /** A function called on another node that gave no value. */
  readonly INTERLOCK_REMOTE_CALL: {
    readonly target: string;
    readonly kind: "error" | "exit" | "throw" | "not_started";
    readonly reason: unknown;
  };
  /** A singleton that cannot be called, or acted for, from this node now. */
  readonly INTERLOCK_SINGLETON: {
    readonly singleton: string;
    /** `not_started`: its child does not run on this node; `no_holder`: no node is known to hold the lease; `starting`: this
     * node holds it and the server is not up (yet); `not_held`: what only the holder may do, this node may not (any more). */
    readonly problem: "not_started" | "no_holder" | "starting" | "not_held";
  };
  /** A lease that could not be read or written. Who holds it is not known. */
  readonly INTERLOCK_LEASE: { readonly lease: string; readonly problem: string };
  /** A write to a cache, or a question about it, on a node where its process does not run. */
  readonly INTERLOCK_CACHE_DOWN: { readonly cache: string; readonly node: NodeName; readonly operation: string };
  /** A load of a cache that brought no value and threw no error of its own. */
  readonly INTERLOCK_CACHE_LOAD: { readonly cache: string; readonly key: string; readonly problem: string };
  /** Tracking or listing on a node where the process of the presence does not run. */
  readonly INTERLOCK_PRESENCE_DOWN: { readonly presence: string; readonly node: NodeName; readonly operation: string };
  /**
   * Placed processes that cannot be used from this node. `not_started`: the placement's child does not run here; `cut_off`: the
   * node may run none, as it does not know to be on the side of its cluster that goes on.
   */
  readonly INTERLOCK_PLACEMENT: {
    readonly placement: string;
    readonly node: NodeName;
    readonly problem: "not_started" | "cut_off";
  };
  /** An option that cannot be used. */
  readonly INTERLOCK_NODE_OPTION: { readonly option: string; readonly got: string; readonly expected: string };
}

export type ClusterErrorCode = keyof ClusterErrorDetails;

/** What to try, by code. */
export const clusterHints: { readonly [Code in ClusterErrorCode]: string } = {
  INTERLOCK_CONNECT:
    "Check that the node runs, that its name server (epmd, port 4369) or fixed port is reachable from here, and that both have the same cookie.",
  INTERLOCK_LISTEN:
    "Check that no other node of that name runs on this machine, and that the port is free and allowed.",
  INTERLOCK_REMOTE_CALL:
    "The cause is what it failed with over there; undef means that the node does not offer that function.",
  INTERLOCK_SINGLETON:
    "During a hand-over call again a little later; not_started: have a supervisor of this node start the singleton's child.",
  INTERLOCK_LEASE: "Check that the place where leases are kept can be reached and written; the cause says what failed.",
  INTERLOCK_CACHE_DOWN:
    "Have a supervisor of this node start the cache's child. If it does and this is seen now and then, the cache has crashed and is being restarted: write again, or the other nodes keep what they have.",
  INTERLOCK_CACHE_LOAD:
    "Have load give up by its signal or by timeouts of its own, or raise loadMs; if its process was ended, look for who did it.",
  INTERLOCK_PRESENCE_DOWN:
    "Have a supervisor of this node start the presence's child, before those that track; it was never started, or it has been stopped.",
  INTERLOCK_PLACEMENT:
    "Have a supervisor of this node start the placement's child; with hosts: false it only uses the processes of others. cut_off: cluster.arbiter() says why; it passes when the nodes reach each other again.",
  INTERLOCK_NODE_OPTION: "Correct the option that the message names.",
};

/** A refusal of this package. `code` is stable, `details` is typed by it, `hint` says what to try. */
export class ClusterError<Code extends ClusterErrorCode = ClusterErrorCode> extends Error {
  readonly code: Code;
  readonly details: ClusterErrorDetails[Code];

  constructor(code: Code, message: string, details: ClusterErrorDetails[Code], options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.details = details;
  }

  override get name(): string {
    return "ClusterError";
  }

  get hint(): string {
    return clusterHints[this.code];
  }
}
Object.defineProperty(ClusterError.prototype, Symbol.for("interlock.error"), { value: true });

export function badOption(option: string, got: string, expected: string): ClusterError<"INTERLOCK_NODE_OPTION"> {
  return new ClusterError("INTERLOCK_NODE_OPTION", `Bad ${option}: got ${got}, expected ${expected}`, {
    option,
    got,
    expected,
  });
}
