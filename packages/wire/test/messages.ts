/** Messages for tests of connections: any of them, and what one connection makes of what another has written. */
import fc from "fast-check";

import { Connection, type ConnectionOptions } from "../src/distribution/connection.ts";
import { type ControlMessage, hasPayload } from "../src/distribution/control-message.ts";
import { type Atom, atom } from "../src/term/atom.ts";
import { Binary, Charlist, ErlangPid, ErlangReference, NativeRecord, tuple } from "../src/term/erlang.ts";

export type Message = readonly [control: ControlMessage, payload: unknown];

const words = fc.nat(0xffff_ffff);
const names = fc.oneof(
  fc.constantFrom("ok", "", "a@b", "true", "ä".repeat(200), "x".repeat(255)),
  fc.string({ maxLength: 20 }),
);
const atoms: fc.Arbitrary<Atom> = names.map((name) => atom(name));
const pids = fc.tuple(atoms, words, words, words).map((parts) => new ErlangPid(...parts));
const references = fc
  .tuple(atoms, fc.array(words, { minLength: 1, maxLength: 5 }), words)
  .map((parts) => new ErlangReference(...parts));
const processes = fc.oneof(pids, atoms);
export const terms: fc.Arbitrary<unknown> = fc.letrec<{ term: unknown }>((tie) => ({
  term: fc.oneof(
    { maxDepth: 3 },
    atoms,
    pids,
    references,
    fc.integer(),
    fc.uint8Array({ maxLength: 20 }).map((bytes) => new Binary(bytes)),
    fc.constant(new Charlist("bytes")),
    fc.array(tie("term"), { maxLength: 4 }).map((elements) => tuple(...elements)),
    fc
      .tuple(atoms, atoms, fc.boolean(), fc.array(fc.tuple(atoms, tie("term")), { maxLength: 3 }))
      .map(([module, name, exported, fields]) => new NativeRecord(module, name, exported, new Map(fields))),
  ),
})).term;

/** The same with and without a token. */
function traced<Control extends object>(control: fc.Arbitrary<Control>): fc.Arbitrary<Control> {
  return fc.oneof(
    control,
    fc.tuple(control, terms).map(([plain, token]) => ({ ...plain, token })),
  );
}

function between<const Type extends string>(...types: Type[]) {
  return fc.record({ type: fc.constantFrom(...types), from: pids, to: pids });
}

const controls = fc.oneof(
  traced(fc.record({ type: fc.constant("SEND"), to: pids })),
  traced(between("SEND_SENDER", "PAYLOAD_EXIT", "PAYLOAD_EXIT2")),
  traced(fc.record({ type: fc.constantFrom("ALIAS_SEND", "ALIAS_EXIT2"), from: pids, to: references })),
  traced(fc.record({ type: fc.constant("REG_SEND"), from: pids, to: atoms })),
  between("LINK", "UNLINK", "GROUP_LEADER"),
  fc.record({
    type: fc.constantFrom("UNLINK_ID", "UNLINK_ID_ACK"),
    id: fc.bigInt(1n, 0xffff_ffff_ffff_ffffn),
    from: pids,
    to: pids,
  }),
  traced(fc.record({ type: fc.constantFrom("EXIT", "EXIT2"), from: pids, to: pids, reason: terms })),
  fc.record({ type: fc.constantFrom("MONITOR_P", "DEMONITOR_P"), from: pids, to: processes, ref: references }),
  fc.record({ type: fc.constant("MONITOR_P_EXIT"), from: processes, to: pids, ref: references, reason: terms }),
  fc.record({ type: fc.constant("PAYLOAD_MONITOR_P_EXIT"), from: processes, to: pids, ref: references }),
  traced(
    fc.record({
      type: fc.constant("SPAWN_REQUEST"),
      ref: references,
      from: pids,
      groupLeader: pids,
      module: atoms,
      function: atoms,
      arity: fc.nat(255),
      options: terms,
    }),
  ),
  traced(
    fc.record({ type: fc.constant("SPAWN_REPLY"), ref: references, to: pids, flags: fc.nat(3), result: processes }),
  ),
  fc.record({ type: fc.constant("NODE_LINK") }),
) as fc.Arbitrary<ControlMessage>;

export const messages: fc.Arbitrary<Message> = fc
  .tuple(controls, terms)
  .map(([control, payload]) => [control, hasPayload(control) ? payload : undefined] as const);

export function written(flags: bigint, some: readonly Message[]): Buffer {
  const sender = new Connection({ flags });
  for (const [control, payload] of some) sender.write(control, payload, "exact");
  return Buffer.concat(sender.take());
}

/** What a receiver makes of the chunks. Every chunk is overwritten once it was received. */
export function received(options: ConnectionOptions | Connection, chunks: readonly Uint8Array[]): Message[] {
  const receiver = options instanceof Connection ? options : new Connection(options);
  const got: Message[] = [];
  for (const chunk of chunks) {
    const lent = new Uint8Array(chunk);
    receiver.receive(lent, (control, payload) => {
      got.push([control, hasPayload(control) ? payload("exact") : undefined]);
    });
    lent.fill(0);
  }
  return got;
}

/**
 * What a receiver makes of a stream that is read as a socket is, with these reads in turn: into a chunk that is written over
 * by the next one, or into the room that the receiver has for it.
 */
export function read(
  options: ConnectionOptions,
  bytes: Buffer,
  reads: readonly { readonly bytes: number; readonly toRoom: boolean }[],
): Message[] {
  const receiver = new Connection(options);
  const got: Message[] = [];
  const chunk = Buffer.alloc(Math.max(...reads.map((one) => one.bytes)));
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const { bytes: most, toRoom } = reads[turn % reads.length] as (typeof reads)[number];
    // A kernel gives what it has, whatever the room.
    const into = (toRoom ? receiver.room : undefined) ?? chunk.fill(255);
    const copied = bytes.copy(into, 0, at, Math.min(at + most, bytes.length));
    at += copied;
    receiver.receive(into.subarray(0, copied), (control, payload) => {
      got.push([control, hasPayload(control) ? payload("exact") : undefined]);
    });
  }
  return got;
}

export const me = new ErlangPid(atom("me@h"), 1, 0, 1);
export const you = new ErlangPid(atom("you@h"), 2, 0, 1);
export const send: ControlMessage = { type: "SEND_SENDER", from: me, to: you };
