/** What a host is to do after an event. In this order; what is told leaves after what was forwarded before it. */
import type { NodeName } from "@interlock/core";
import type { PlacementMessage } from "./messages.ts";

/** What became of a key that its node was to hand over. */
export type HandoffOutcome = "moved" | "restarted" | "ended" | "failed";

export type PlacementEffect<P> =
  | { readonly type: "tell"; readonly to: readonly P[]; readonly message: PlacementMessage<P> }
  /** Hear of its host's end from now on, and tell it `message`. */
  | { readonly type: "greet"; readonly node: NodeName; readonly message: PlacementMessage<P> }
  /** Hear of its host's end from now on. */
  | { readonly type: "watch"; readonly node: NodeName }
  /** Start the server of the key afresh, `again` after it has crashed here; `started` or `startFailed` follows. */
  | { readonly type: "start"; readonly key: string; readonly epoch: number; readonly again: boolean }
  /** What waits for the key goes to its process now. */
  | { readonly type: "open"; readonly key: string; readonly pid: P }
  /** What waits for the key is given up. */
  | { readonly type: "fail"; readonly key: string; readonly error: unknown }
  /** Calls to processes of the key that started in epoch `since` or before get no answer any more. */
  | { readonly type: "broken"; readonly key: string; readonly since: number; readonly reason: unknown }
  /** Stop the key's process between two messages and pack it up; `packed` or `ended` follows. */
  | { readonly type: "pack"; readonly key: string; readonly epoch: number }
  /** Begin a process with what was packed; `begun` or `beginFailed` follows. */
  | {
      readonly type: "begin";
      readonly key: string;
      readonly epoch: number;
      readonly attempt: number;
      readonly parcel: unknown;
    }
  /** What waits in the packed process goes to `pid`, which began with that parcel, in order, and so does what still comes. */
  | { readonly type: "forward"; readonly key: string; readonly pid: P; readonly parcel: unknown }
  /** The packed process goes on. */
  | { readonly type: "unpack"; readonly key: string }
  /** Nobody takes the key: keep what can be kept, and end its process; `ended` follows. */
  | { readonly type: "strand"; readonly key: string; readonly epoch: number }
  /** Stop the key's process as a supervisor does; `ended` follows. */
  | { readonly type: "stop"; readonly key: string; readonly epoch: number }
  /** Another process of the key stays: this one's messages go there, and it ends. */
  | { readonly type: "retire"; readonly key: string; readonly own: P; readonly pid: P | undefined }
  /** A process that was begun or started in vain. */
  | { readonly type: "discard"; readonly pid: P }
  /** An heir that has not answered by then is given up: `late`. */
  | { readonly type: "limit"; readonly key: string; readonly attempt: number }
  /** A hand-off from this host has come to its end; `parcel` is what was taken, if anything was. */
  | {
      readonly type: "settled";
      readonly key: string;
      readonly lost: boolean;
      readonly to: P | undefined;
      readonly parcel: unknown;
    }
  /** The holder died in the middle of its hand-off to here: what its mailbox still held is lost. */
  | { readonly type: "adopted"; readonly key: string }
  /** This host leaves and holds nothing any more. */
  | { readonly type: "drained" };
