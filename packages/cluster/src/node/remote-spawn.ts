/**
 * Spawn requests of other nodes: a function of the allow-list, by itself or through `erpc`, whose result is the exit reason
 * of the process that ran it.
 *
 * @see https://www.erlang.org/doc/apps/erts/erl_dist_protocol#link_protocol (SPAWN_REQUEST)
 */
import { exit, type LocalNode, ProcessExit, type Self } from "@interlock/core";
import { linkedFrom, type Reference, type RemotePid, spawnProcess } from "@interlock/core/distribution";
import { Atom, atom, Charlist, type ControlMessage, type Payload, Tuple, tuple } from "@interlock/wire";
import { type OfferedModule, offeredFunction } from "../rpc/remote-functions.ts";
import { ErlangError, reasonToTerm } from "./exit-terms.ts";
import type { Peer } from "./peer.ts";

export type SpawnRequest = Extract<ControlMessage, { type: "SPAWN_REQUEST" }>;

const LINK = 1;
const MONITOR = 2;

/** What this node offers under the name of a module. */
export type Offer = (module: string) => OfferedModule | undefined;

export function spawnRequested(
  node: LocalNode,
  offer: Offer,
  peer: Peer,
  request: SpawnRequest,
  payload: Payload,
): void {
  const { ref, from } = request;
  const refuse = (why: string): void =>
    peer.answer({ type: "SPAWN_REPLY", ref, to: from, flags: 0, result: atom(why) });
  const options = optionsOf(request.options);
  if (options === undefined) return refuse("badopt");
  const run = runOf(offer, request, payload, peer.rich);
  if (run === undefined) return refuse("badarg");
  const process = spawnProcess(node, run, undefined, false, undefined);
  const flags = (options.has("link") ? LINK : 0) | (options.has("monitor") ? MONITOR : 0);
  if ((flags & LINK) !== 0 && peer.linkedFrom(from as RemotePid, process.pid)) linkedFrom(from as RemotePid, process);
  if ((flags & MONITOR) !== 0) peer.watchedFrom(from as RemotePid, process, ref as Reference, undefined);
  // Before anything that the process itself does: it has not run yet.
  peer.answer({ type: "SPAWN_REPLY", ref, to: from, flags, result: process.pid });
}

/** OTP's options. All but the first two say how Erlang is to run the process: without meaning here. */
const spawnOptions: ReadonlySet<string> = new Set([
  "link",
  "monitor",
  "async_dist",
  "fullsweep_after",
  "max_heap_size",
  "message_queue_data",
  "min_bin_vheap_size",
  "min_heap_size",
  "priority",
]);

/** The names of the options, which stand alone or in a pair with their values; undefined when one is none of OTP's. */
function optionsOf(options: unknown): ReadonlySet<string> | undefined {
  if (!Array.isArray(options)) return undefined;
  const names = new Set<string>();
  for (const option of options as readonly unknown[]) {
    const name: unknown = option instanceof Tuple ? option.elements[0] : option;
    if (!(name instanceof Atom) || !spawnOptions.has(name.name)) return undefined;
    names.add(name.name);
  }
  return names;
}

type Run = (self: Self<unknown>) => Promise<void>;

/** What the process does; undefined for arguments that are no list of that length. */
function runOf(offer: Offer, request: SpawnRequest, payload: Payload, rich: boolean): Run | undefined {
  const [module, name] = [request.module.name, request.function.name];
  if (module === "erpc" && name === "execute_call" && request.arity === 4) return erpcCall(offer, payload, rich);
  if (module === "erpc" && name === "execute_cast" && request.arity === 3) return erpcCast(offer, payload);
  const offered = offer(module);
  const args = listOf(payload(offered?.terms ?? "natural"));
  if (args === undefined || args.length !== request.arity) return undefined;
  return async function spawned() {
    await callOffered(offered, request.module, request.function, args).catch(rethrow);
  };
}

/** Erlang: of a throw that nobody catches the exit reason is `{nocatch, Thrown}`. */
function rethrow(thrown: unknown): never {
  if (thrown instanceof Error) throw thrown;
  throw new ErlangError(tuple(tuple(atom("nocatch"), thrown), []), "uncaught throw");
}

/** `[Ref, Module, Function, Arguments]`: the outcome is the exit reason. @see erpc(3) */
function erpcCall(offer: Offer, payload: Payload, rich: boolean): Run | undefined {
  const given = erpcArguments(offer, payload, 1);
  if (given === undefined) return undefined;
  const {
    before: [ref],
    module,
    name,
    args,
    offered,
  } = given;
  return async function erpc(self) {
    // Not thrown: an outcome is no crash, and nobody needs a report of it.
    exit(self.pid, (await outcomeOf(ref, offered, module, name, args, rich)) as never);
  };
}

function erpcCast(offer: Offer, payload: Payload): Run | undefined {
  const given = erpcArguments(offer, payload, 0);
  if (given === undefined) return undefined;
  return async function erpc() {
    await callOffered(given.offered, given.module, given.name, given.args).catch(rethrow);
  };
}

function erpcArguments(
  offer: Offer,
  payload: Payload,
  before: number,
):
  | {
      readonly before: readonly unknown[];
      readonly module: Atom;
      readonly name: Atom;
      readonly args: readonly unknown[];
      readonly offered: OfferedModule | undefined;
    }
  | undefined {
  // Whose functions they are decides how the rest is read.
  const exact = listOf(payload("exact"));
  const module = exact?.[before];
  const name = exact?.[before + 1];
  if (exact === undefined || !(module instanceof Atom) || !(name instanceof Atom)) return undefined;
  const offered = offer(module.name);
  const given = offered?.terms === "exact" ? exact : listOf(payload("natural"));
  const args = listOf(given?.[before + 2]);
  return args && { before: exact.slice(0, before), module, name, args, offered };
}

function listOf(term: unknown): readonly unknown[] | undefined {
  // In the exact profile a list of bytes, such as the arguments [1, 2], is one.
  if (term instanceof Charlist) return Array.from(term.text, (character) => character.charCodeAt(0));
  return Array.isArray(term) ? term : undefined;
}

async function outcomeOf(
  ref: unknown,
  offered: OfferedModule | undefined,
  module: Atom,
  name: Atom,
  args: readonly unknown[],
  rich: boolean,
): Promise<Tuple> {
  try {
    return tuple(ref, atom("return"), await callOffered(offered, module, name, args));
  } catch (error) {
    if (error instanceof ProcessExit) return tuple(ref, atom("exit"), reasonToTerm(error.reason, false));
    if (!(error instanceof Error)) return tuple(ref, atom("throw"), error);
    if (rich && !(error instanceof ErlangError)) return tuple(ref, atom("error"), error, []);
    const [reason, stack] = (reasonToTerm({ error }, false) as Tuple).elements;
    return tuple(ref, atom("error"), reason, stack);
  }
}

/** OTP's undef, with the frame that its stack trace begins with. */
function notOffered(module: Atom, name: Atom, args: readonly unknown[]): ErlangError {
  const frame = tuple(module, name, args, []);
  return new ErlangError(tuple(atom("undef"), [frame]), `undefined function ${module}:${name}/${args.length}`);
}

async function callOffered(
  offered: OfferedModule | undefined,
  module: Atom,
  name: Atom,
  args: readonly unknown[],
): Promise<unknown> {
  const called = offeredFunction(offered, name.name);
  if (called === undefined) throw notOffered(module, name, args);
  return called(...args);
}
