/**
 * OTP's gen protocol: how calls and casts look as messages. `deposit(50)` is
 * `{'$gen_call', {Pid, [alias | Ref]}, {deposit, 50}}`; without arguments the request is the atom alone.
 */
import { Atom, atom, ImproperList, Tuple, tuple } from "@interlock/wire";

const GEN_CALL = atom("$gen_call");
const GEN_CAST = atom("$gen_cast");
const ALIAS = atom("alias");

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
  return tuple(GEN_CALL, tuple(from, new ImproperList([ALIAS], ref)), requestOf(operation, args));
}

export function castMessage(operation: string, args: readonly unknown[]): Tuple {
  return tuple(GEN_CAST, requestOf(operation, args));
}

export interface GenRequest {
  readonly operation: string;
  readonly args: readonly unknown[];
  /** Whom to answer, and the tag to answer with; undefined for a cast. */
  readonly from: { readonly pid: unknown; readonly tag: unknown } | undefined;
}

/** A message as a request of the gen protocol; undefined if it is none, or one whose request has no name. */
export function genRequest(message: unknown): GenRequest | undefined {
  if (!(message instanceof Tuple)) return undefined;
  const { elements } = message;
  if (elements[0] === GEN_CALL && elements.length === 3) {
    const from = elements[1];
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

/** The alias in the tag of a call, where the answer goes. */
export function aliasOf(tag: unknown): unknown {
  return tag instanceof ImproperList && tag.elements.length === 1 && tag.elements[0] === ALIAS ? tag.tail : undefined;
}

export function replyMessage(tag: unknown, value: unknown): Tuple {
  return tuple(tag, value);
}

/** The value in an answer. */
export function replyValue(message: unknown): unknown {
  return message instanceof Tuple && message.elements.length === 2 ? message.elements[1] : undefined;
}
