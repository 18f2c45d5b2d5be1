/**
 * OTP's gen protocol: how calls and casts look as messages. `deposit(50)` is
 * `{'$gen_call', {Pid, [alias | Ref]}, {deposit, 50}}`; without arguments the request is the atom alone.
 */
import { Atom, atom, type ControlMessage, ImproperList, Tuple, tuple } from "@interlock/wire";

const GEN_CALL = atom("$gen_call");
const GEN_CAST = atom("$gen_cast");
const SYSTEM = atom("system");
const TERMINATE = atom("terminate");
const ALIAS = atom("alias");
const NO_REPLY = atom("noreply");
const REFUSED = atom("refused");

// The names of handlers are the program's, so they are few; held, so that no call makes its atom anew.
const operations = new Map<string, Atom>();

function requestOf(operation: string, args: readonly unknown[]): unknown {
  let name = operations.get(operation);
  if (name === undefined) {
    name = atom(operation);
    operations.set(operation, name);
  }
  return args.length === 0 ? name : new Tuple([name, ...args]);
}

export function callMessage(from: object, ref: object, operation: string, args: readonly unknown[]): Tuple {
  return forwardedCall({ pid: from, tag: callTag(ref) }, operation, args);
}

/** A call on behalf of somebody else, who is answered directly. */
export function forwardedCall(
  caller: { readonly pid: unknown; readonly tag: unknown },
  operation: string,
  args: readonly unknown[],
): Tuple {
  return tuple(GEN_CALL, tuple(caller.pid, caller.tag), requestOf(operation, args));
}

export function callTag(ref: object): ImproperList {
  return new ImproperList([ALIAS], ref);
}

/** A call between two Interlock nodes: `{'$gen_call', Id, Request}`, answered to {@link REPLY_NAME}. */
export function ownCallMessage(id: number, operation: string, args: readonly unknown[]): Tuple {
  return tuple(GEN_CALL, id, requestOf(operation, args));
}

/** Where an Interlock node takes answers to its calls: a name that no process can have. */
export const REPLY_NAME: Atom = atom("$interlock_reply");

export function replyControl(from: object): ControlMessage {
  return { type: "REG_SEND", from, to: REPLY_NAME };
}

/** `{Id, Value}` */
export function ownReply(id: number, value: unknown): Tuple {
  return tuple(id, value);
}

/** `{Id, noreply, Reason}` */
export function ownFailure(id: number, reason: unknown): Tuple {
  return tuple(id, NO_REPLY, reason);
}

/** `{Id, refused, Error}` */
export function ownRefusal(id: number, error: Error): Tuple {
  return tuple(id, REFUSED, error);
}

/** Acts on an answer of any of the three forms. */
export function takeReply(
  message: unknown,
  answered: (id: number, value: unknown) => void,
  failed: (id: number, reason: unknown) => void,
  refused: (id: number, error: unknown) => void,
): void {
  if (!(message instanceof Tuple)) return;
  const [id, value, more] = message.elements;
  if (typeof id !== "number") return;
  if (message.elements.length === 2) answered(id, value);
  else if (value === NO_REPLY) failed(id, more);
  else if (value === REFUSED) refused(id, more);
}

export function castMessage(operation: string, args: readonly unknown[]): Tuple {
  return tuple(GEN_CAST, requestOf(operation, args));
}

export interface GenRequest {
  readonly operation: string;
  readonly args: readonly unknown[];
  /** Whom to answer, and the tag to answer with, or the number of an Interlock node's call; undefined for a cast. */
  readonly from: { readonly pid: unknown; readonly tag: unknown } | { readonly id: number } | undefined;
}

/**
 * A message as a request of the gen protocol; undefined if it is none, or one whose request has no name. `own`: it came
 * from an Interlock node.
 */
export function genRequest(message: unknown, own: boolean): GenRequest | undefined {
  if (!(message instanceof Tuple)) return undefined;
  const { elements } = message;
  if (elements[0] === GEN_CALL && elements.length === 3) {
    const from = elements[1];
    if (own && typeof from === "number") return named(elements[2], { id: from });
    if (!(from instanceof Tuple) || from.elements.length !== 2) return undefined;
    return named(elements[2], { pid: from.elements[0], tag: from.elements[1] });
  }
  if (elements[0] === GEN_CAST && elements.length === 2) return named(elements[1], undefined);
  return undefined;
}

function named(request: unknown, from: GenRequest["from"]): GenRequest | undefined {
  if (request instanceof Atom) return { operation: request.name, args: [], from };
  if (!(request instanceof Tuple)) return undefined;
  const [name, ...args] = request.elements;
  return name instanceof Atom ? { operation: name.name, args, from } : undefined;
}

/** `{system, {Pid, Tag}, {terminate, Reason}}`: the order of `sys` to end. */
export function stopMessage(from: object, tag: object, reason: unknown): Tuple {
  return tuple(SYSTEM, tuple(from, tag), tuple(TERMINATE, reason));
}

/** Who orders a behaviour to end, and with which reason; undefined for any other message. */
export function stopOrder(
  message: unknown,
): { readonly from: { readonly pid: unknown; readonly tag: unknown }; readonly reason: unknown } | undefined {
  if (!(message instanceof Tuple) || message.elements[0] !== SYSTEM || message.elements.length !== 3) return undefined;
  const [, from, request] = message.elements;
  if (!(from instanceof Tuple && request instanceof Tuple)) return undefined;
  const [pid, tag] = from.elements;
  const [name, reason] = request.elements;
  return name === TERMINATE && request.elements.length === 2 ? { from: { pid, tag }, reason } : undefined;
}

/** The alias in the tag of a call, where the answer goes: `[alias | Ref]`, of a multi_call `[[alias | Ref] | _]`. */
export function aliasOf(tag: unknown): unknown {
  if (!(tag instanceof ImproperList) || tag.elements.length !== 1) return undefined;
  const [first] = tag.elements;
  return first === ALIAS ? tag.tail : aliasOf(first);
}

export function replyMessage(tag: unknown, value: unknown): Tuple {
  return tuple(tag, value);
}

/** The value in an answer. */
export function replyValue(message: unknown): unknown {
  return message instanceof Tuple && message.elements.length === 2 ? message.elements[1] : undefined;
}
