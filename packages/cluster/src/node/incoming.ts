/**
 * Signals that come from another node, acted on here as local ones are. Nothing in this file may throw for what a peer
 * sends: a signal to nobody, of an unknown kind or at a wrong time is void or answered as OTP answers it.
 */
import type { ExitReason } from "@interlock/core";
import {
  deliverCall,
  deliverCast,
  deliverMessage,
  deliverStop,
  exitFrom,
  isBehaviour,
  LocalAlias,
  type LocalPid,
  linkEnded,
  linkedFrom,
  type Process,
  Reference,
  RemotePid,
  RemoteReference,
  unlinkedFrom,
} from "@interlock/core/distribution";
import { Atom, atom, type ControlMessage, type Payload } from "@interlock/wire";
import { AnswerSlot } from "./answer-slot.ts";
import { reasonFromTerm } from "./exit-terms.ts";
import {
  aliasOf,
  type GenRequest,
  genRequest,
  REPLY_NAME,
  replyMessage,
  replyValue,
  stopOrder,
  takeReply,
} from "./gen-protocol.ts";
import type { NodeIdentities } from "./identities.ts";
import { numberOf } from "./identities.ts";
import type { Peer } from "./peer.ts";

/** What this node offers to its peers. */
export interface Receiver {
  readonly identities: NodeIdentities;
  /** A pid of no process. */
  readonly nobody: LocalPid;
  named(name: string): Process | undefined;
  /** Whether the process takes Erlang's terms as they are. */
  isExact(process: Process): boolean;
  /** Starts a process by module, function and arguments for a process of another node. */
  spawnRequest(peer: Peer, control: Extract<ControlMessage, { type: "SPAWN_REQUEST" }>, args: Payload): void;
}

export function receive(node: Receiver, peer: Peer, control: ControlMessage, payload: Payload): void {
  switch (control.type) {
    case "SEND":
    case "SEND_SENDER":
      return toProcess(node, peer, here(control.to), payload);
    case "REG_SEND":
      if (control.to === REPLY_NAME && peer.rich) return toCaller(peer, payload);
      return toProcess(node, peer, node.named(nameOf(control.to)), payload);
    case "ALIAS_SEND":
      return toAlias(node, peer, control.to, payload);
    case "ALIAS_EXIT2": {
      // OTP: an alias that is good for one message is none the less good for that.
      const alias = localReference(node, control.to);
      const process = alias instanceof LocalAlias ? alias.process : undefined;
      if (process === undefined) return;
      return exitFrom(control.from as RemotePid, process, reasonIn(control, payload, node.isExact(process)));
    }
    case "LINK":
      return link(peer, control.from as RemotePid, control.to as LocalPid);
    case "UNLINK_ID": {
      const to = control.to as LocalPid;
      if (to.process !== undefined) unlinkedFrom(control.from as RemotePid, to.process);
      return peer.unlinkedFrom(control.id, control.from as RemotePid, to);
    }
    case "UNLINK_ID_ACK":
      return peer.unlinkAcknowledged(control.id);
    case "EXIT":
    case "PAYLOAD_EXIT": {
      const process = here(control.to);
      const from = control.from as RemotePid;
      if (!peer.exitedLinked(from, control.to as LocalPid) || process === undefined) return;
      return linkEnded(from, process, reasonIn(control, payload, node.isExact(process)));
    }
    case "EXIT2":
    case "PAYLOAD_EXIT2": {
      const process = here(control.to);
      if (process === undefined) return;
      return exitFrom(control.from as RemotePid, process, reasonIn(control, payload, node.isExact(process)));
    }
    case "MONITOR_P":
      return monitor(node, peer, control);
    case "DEMONITOR_P":
      return peer.unwatchedFrom(control.ref as Reference);
    case "MONITOR_P_EXIT":
    case "PAYLOAD_MONITOR_P_EXIT":
      return peer.watchedEnded(numberIn(control.ref), (exact) => reasonIn(control, payload, exact));
    case "SPAWN_REQUEST":
      return node.spawnRequest(peer, control, payload);
    case "SPAWN_REPLY":
      return peer.spawns.replied(numberIn(control.ref), control.result);
    default:
      return; // GROUP_LEADER, NODE_LINK and what nobody here asked for.
  }
}

function here(pid: unknown): Process | undefined {
  return (pid as LocalPid).process;
}

function nameOf(name: unknown): string {
  return name instanceof Atom ? name.name : "";
}

function numberIn(ref: unknown): number {
  if (ref instanceof RemoteReference) return numberOf(ref.words);
  return ref instanceof Reference ? ref.id : -1;
}

function reasonIn(control: ControlMessage, payload: Payload, exact: boolean): ExitReason {
  return reasonFromTerm("reason" in control ? control.reason : payload(exact ? "exact" : "natural"));
}

function toProcess(node: Receiver, peer: Peer, process: Process | undefined, payload: Payload): void {
  if (process === undefined) {
    if (peer.rich) refuseCall(peer, node.nobody, genRequest(payload("natural"), true));
    return;
  }
  const message = payload(node.isExact(process) ? "exact" : "natural");
  const request = genRequest(message, peer.rich);
  const order = request === undefined && isBehaviour(process) ? stopOrder(message) : undefined;
  if (order !== undefined)
    return deliverStop(process, reasonFromTerm(order.reason), () => answer(process.pid, order.from, atom("ok")));
  if (request === undefined || !isBehaviour(process)) {
    refuseCall(peer, process.pid, request);
    return void deliverMessage(process, message);
  }
  const { operation, args, from } = request;
  if (from === undefined) return deliverCast(process, operation, args);
  const { pid } = process;
  if ("id" in from)
    deliverCall(process, operation, args, {
      reply: (value) => peer.replyTo(from.id, pid, value),
      exited: (reason) => peer.failCall(from.id, pid, reason),
      refused: (error) => peer.refuseCall(from.id, pid, error),
    });
  // OTP: of the callee's end the caller hears by its monitor, and there is no word for a refusal.
  else {
    const silent = (): void => undefined;
    const reply = (value: unknown): void => answer(pid, from, value);
    deliverCall(process, operation, args, { address: from, reply, exited: silent, refused: silent });
  }
}

/** A call of an Interlock node to nobody, or to a process that takes messages only. */
function refuseCall(peer: Peer, by: LocalPid, request: GenRequest | undefined): void {
  if (request?.from !== undefined && "id" in request.from) peer.failCall(request.from.id, by, "noproc");
}

function toCaller(peer: Peer, payload: Payload): void {
  takeReply(
    payload("natural"),
    (id, value) => peer.calls.answered(id, value),
    (id, reason) => peer.calls.failed(id, reasonFromTerm(reason)),
    (id, error) => peer.calls.refused(id, error),
  );
}

/** OTP: to the alias in the tag, so that a late answer finds nobody; to the caller if there is none. */
export function answer(callee: LocalPid, caller: CallerAddress, value: unknown): void {
  const alias = aliasOf(caller.tag);
  if (alias instanceof AnswerSlot) return alias.take(value); // It has come home.
  const to = alias instanceof RemoteReference ? alias : caller.pid;
  if (to instanceof RemoteReference || to instanceof RemotePid)
    to.home.route?.send(callee, to, replyMessage(caller.tag, value));
}

/** Where a call of OTP's protocol is answered, from whatever node. */
export interface CallerAddress {
  readonly pid: unknown;
  readonly tag: unknown;
}

function localReference(node: Receiver, ref: unknown): unknown {
  return ref instanceof RemoteReference ? node.identities.localReference(ref.words) : ref;
}

function toAlias(node: Receiver, peer: Peer, ref: unknown, payload: Payload): void {
  const known = localReference(node, ref);
  if (known instanceof AnswerSlot) return known.take(replyValue(payload("natural")));
  if (known instanceof LocalAlias) return toProcess(node, peer, known.receiver(), payload);
  const number = numberIn(ref);
  if (peer.calls.has(number)) peer.calls.answered(number, replyValue(payload("natural")));
}

function link(peer: Peer, from: RemotePid, to: LocalPid): void {
  if (!peer.linkedFrom(from, to)) return;
  if (to.process !== undefined) return linkedFrom(from, to.process);
  peer.exitedLinked(from, to);
  peer.answer({ type: "PAYLOAD_EXIT", from: to, to: from }, atom("noproc"));
}

function monitor(node: Receiver, peer: Peer, control: Extract<ControlMessage, { type: "MONITOR_P" }>): void {
  const { to } = control;
  const name = to instanceof Atom ? to.name : undefined;
  const process = name === undefined ? here(to) : node.named(name);
  const by = control.from as RemotePid;
  const ref = control.ref as Reference;
  if (process === undefined) peer.sendDown(name ?? (to as LocalPid), by, ref, "noproc");
  else peer.watchedFrom(by, process, ref, name);
}
