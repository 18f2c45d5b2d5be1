/** What happens to a node's part in global, and what it wants done. */
import type { NodeName } from "@interlock/core";
import type { LocalPid } from "@interlock/core/distribution";
import type { LockId } from "./locks.ts";
import type { GlobalMessage, Tag } from "./messages.ts";
import type { GlobalEntry } from "./name-table.ts";
import type { GlobalRequest } from "./requests.ts";

export type Message<T extends GlobalMessage["type"]> = Extract<GlobalMessage, { readonly type: T }>;

/** Who has sent a request: locks are given to that process. */
export interface Caller {
  readonly pid: LocalPid;
  /** As the answer needs it. */
  readonly tag: unknown;
}

/** Two processes that have one name. */
export interface Conflict {
  readonly ours: GlobalEntry;
  readonly theirs: GlobalEntry;
}

/** Whose process keeps the name. `unknown`: the method could not be run. */
export type Outcome = "ours" | "theirs" | "none" | "unknown";

export type LockerMessage =
  | {
      readonly type: "his_locker";
      readonly node: NodeName;
      readonly locker: LocalPid;
      readonly version: number;
      readonly hisTag: Tag;
      readonly myTag: Tag;
    }
  /** The names are exchanged, or will not be. `announce` comes before the lock is given back. */
  | {
      readonly type: "cancel";
      readonly node: NodeName;
      readonly tag: Tag;
      readonly announce: readonly GlobalEffect[];
    }
  | Message<"lock_set">;

export type GlobalEvent =
  | { readonly type: "nodeup" | "nodedown"; readonly node: NodeName }
  | { readonly type: "message"; readonly message: GlobalMessage; readonly nowMs: number }
  | { readonly type: "request"; readonly request: GlobalRequest; readonly caller: Caller }
  /** A process that was to be watched. */
  | { readonly type: "ended"; readonly pid: LocalPid }
  /** What came of an effect `connect`. */
  | { readonly type: "connected" | "unreachable"; readonly node: NodeName }
  /** The time of an effect `review` has come. */
  | { readonly type: "review"; readonly node: NodeName }
  /** The other side's locker, or server, has not answered for too long. */
  | { readonly type: "stuck"; readonly node: NodeName; readonly tag: Tag; readonly isLocked: boolean }
  /** The locker has locked both partitions. */
  | { readonly type: "locked"; readonly node: NodeName; readonly tag: Tag; readonly lock: LockId }
  | {
      readonly type: "resolved";
      readonly node: NodeName;
      readonly tag: Tag;
      readonly conflicts: readonly Conflict[];
      readonly outcomes: readonly Outcome[];
    }
  /** What processes of this node had before it met any other. */
  | { readonly type: "adopt"; readonly entries: readonly GlobalEntry[] };

export type GlobalEffect =
  /** Over the connection that there is, if there is one. */
  | { readonly type: "tell"; readonly node: NodeName; readonly message: GlobalMessage }
  /** `value` is a term. */
  | { readonly type: "reply"; readonly caller: Caller; readonly value: unknown }
  | { readonly type: "watch" | "unwatch"; readonly pid: LocalPid }
  | { readonly type: "connect" | "disconnect"; readonly node: NodeName }
  /** In a while: whether all that was to come from that node has come. */
  | { readonly type: "review"; readonly node: NodeName }
  | { readonly type: "locker"; readonly message: LockerMessage }
  | {
      readonly type: "resolve";
      readonly node: NodeName;
      readonly tag: Tag;
      readonly conflicts: readonly Conflict[];
    }
  | { readonly type: "warn"; readonly text: string };
