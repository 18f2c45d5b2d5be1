/**
 * Control messages: the tuple that says what a message of the distribution is about. The forms with a trace token
 * (`SEND_TT`, 12, and so on) are the same messages with a `token`, which is kept and means nothing here.
 *
 *     1 LINK {From, To}                        21 MONITOR_P_EXIT {From, To, Ref, Reason}
 *     2 SEND {'', To} + message                22 SEND_SENDER {From, To} + message
 *     3 EXIT {From, To, Reason}                24 PAYLOAD_EXIT {From, To} + reason
 *     4 UNLINK {From, To}                      26 PAYLOAD_EXIT2 {From, To} + reason
 *     5 NODE_LINK {}                           28 PAYLOAD_MONITOR_P_EXIT {From, To, Ref} + reason
 *     6 REG_SEND {From, '', Name} + message    29 SPAWN_REQUEST {Ref, From, Leader, {M, F, A}, Options} + arguments
 *     7 GROUP_LEADER {From, To}                31 SPAWN_REPLY {Ref, To, Flags, Result}
 *     8 EXIT2 {From, To, Reason}               33 ALIAS_SEND {From, Alias} + message
 *     19 MONITOR_P {From, To, Ref}             35 UNLINK_ID {Id, From, To}
 *     20 DEMONITOR_P {From, To, Ref}           36 UNLINK_ID_ACK {Id, From, To}
 *
 * OTP 28 has 37 ALTACT_SIG_SEND {Flags, From, To} + message or reason, which stands for several of them: the flags say whether
 * `To` is an alias (4), a name (8) or a pid, whether it is an exit signal (16), whether a token follows (2), and whether it
 * has priority (1), which means nothing here. An exit signal to an alias has this form alone.
 *
 * @see https://www.erlang.org/doc/apps/erts/erl_dist_protocol#protocol-between-connected-nodes
 */
import type { Atom } from "../term/atom.ts";

/** A pid or a reference: what the node's identities make of it, or ErlangPid and ErlangReference. */
export type Identity = object;

export interface Traced {
  /** Of sequential tracing: kept, and without meaning here. */
  readonly token?: unknown;
}

export interface Between {
  readonly from: Identity;
  readonly to: Identity;
}

export interface SendMessage extends Traced {
  readonly type: "SEND";
  readonly to: Identity;
}

export interface SignalMessage<Type extends string> extends Traced, Between {
  readonly type: Type;
}

export interface RegSendMessage extends Traced {
  readonly type: "REG_SEND";
  readonly from: Identity;
  readonly to: Atom;
}

export interface LinkMessage<Type extends string> extends Between {
  readonly type: Type;
}

export interface UnlinkMessage<Type extends string> extends Between {
  readonly type: Type;
  readonly id: bigint;
}

/** With the reason in the tuple, as nodes without EXIT_PAYLOAD send it; it is in the exact profile. */
export interface ExitMessage<Type extends string> extends Traced, Between {
  readonly type: Type;
  readonly reason: unknown;
}

export interface MonitorMessage<Type extends string> {
  readonly type: Type;
  readonly from: Identity;
  /** A pid, or the name of a process. */
  readonly to: Identity | Atom;
  readonly ref: Identity;
}

export interface DownMessage {
  /** What MONITOR_P had as its `to`. */
  readonly from: Identity | Atom;
  readonly to: Identity;
  readonly ref: Identity;
}

export interface MonitorExitMessage extends DownMessage {
  readonly type: "MONITOR_P_EXIT";
  /** In the exact profile. */
  readonly reason: unknown;
}

export interface PayloadMonitorExitMessage extends DownMessage {
  readonly type: "PAYLOAD_MONITOR_P_EXIT";
}

export interface SpawnRequestMessage extends Traced {
  readonly type: "SPAWN_REQUEST";
  readonly ref: Identity;
  readonly from: Identity;
  readonly groupLeader: Identity;
  readonly module: Atom;
  readonly function: Atom;
  readonly arity: number;
  /** A list in the exact profile. */
  readonly options: unknown;
}

export interface SpawnReplyMessage extends Traced {
  readonly type: "SPAWN_REPLY";
  readonly ref: Identity;
  readonly to: Identity;
  /** 1: a link was made. 2: a monitor was. */
  readonly flags: number;
  /** The pid, or an atom that says why there is none. */
  readonly result: Identity | Atom;
}

export interface NodeLinkMessage {
  readonly type: "NODE_LINK";
}

export type ControlMessage =
  | SendMessage
  | SignalMessage<"SEND_SENDER">
  | SignalMessage<"ALIAS_SEND">
  | SignalMessage<"ALIAS_EXIT2">
  | SignalMessage<"PAYLOAD_EXIT">
  | SignalMessage<"PAYLOAD_EXIT2">
  | RegSendMessage
  | LinkMessage<"LINK">
  | LinkMessage<"UNLINK">
  | LinkMessage<"GROUP_LEADER">
  | UnlinkMessage<"UNLINK_ID">
  | UnlinkMessage<"UNLINK_ID_ACK">
  | ExitMessage<"EXIT">
  | ExitMessage<"EXIT2">
  | MonitorMessage<"MONITOR_P">
  | MonitorMessage<"DEMONITOR_P">
  | MonitorExitMessage
  | PayloadMonitorExitMessage
  | SpawnRequestMessage
  | SpawnReplyMessage
  | NodeLinkMessage;

/** Whether a second term follows: a message, a reason or arguments. */
export function hasPayload(control: ControlMessage): boolean {
  switch (control.type) {
    case "SEND":
    case "SEND_SENDER":
    case "REG_SEND":
    case "ALIAS_SEND":
    case "ALIAS_EXIT2":
    case "PAYLOAD_EXIT":
    case "PAYLOAD_EXIT2":
    case "PAYLOAD_MONITOR_P_EXIT":
    case "SPAWN_REQUEST":
      return true;
    default:
      return false;
  }
}
