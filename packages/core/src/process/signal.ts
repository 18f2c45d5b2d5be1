/**
 * The messages that the runtime itself sends. A process gets one only after asking for it (a monitor, `trapExit`), and
 * takes it with the matcher that the asking gave.
 */
import type { ExitReason } from "./exit-reason.ts";
import type { NodeName, Pid, Ref } from "./pid.ts";

export interface Down {
  /** `"DOWN"`, or the tag given to `monitor`. */
  readonly type: "DOWN";
  readonly ref: Ref;
  /** For a monitor by name of which nothing ran, a pid of no process. */
  readonly pid: Pid;
  /** The name that was monitored, if it was a name. */
  readonly name?: string | undefined;
  readonly reason: ExitReason;
}

export interface Exit {
  readonly type: "EXIT";
  readonly from: Pid;
  readonly reason: ExitReason;
}

/** Another node is connected; only for those that asked by `monitorNodes`. */
export interface NodeUp {
  readonly type: "nodeup";
  readonly node: NodeName;
}

export interface NodeDown {
  readonly type: "nodedown";
  readonly node: NodeName;
}

/** No message came within the `timeoutMs` that a server asked for. */
export interface Timeout {
  readonly type: "timeout";
}

export type SystemMessage = Down | Exit | NodeUp | NodeDown | Timeout;
