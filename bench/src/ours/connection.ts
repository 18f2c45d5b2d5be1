/**
 * What a connection costs by itself, without a socket: messages written, and the same bytes received in chunks of a
 * socket's size with their payloads read. No rows: `dist_tcp_send_*` of BEAM are measured through whole nodes; this is the
 * part of them that the protocol has.
 */

import {
  atom,
  Connection,
  type ControlMessage,
  ErlangPid,
  type MessageSink,
  tuple,
  VISIBLE_NODE_FLAGS,
} from "@interlock/wire";
import { emitRate, repetitions, runPrograms } from "../figure.ts";

const CHUNK_BYTES = 65_536;
/** Written in one go, as a node does with what one turn sends; with fewer bytes than a socket lets wait. */
const together = (bytes: number): number => Math.max(1, Math.min(100, Math.floor(1_048_576 / bytes)));

const control: ControlMessage = {
  type: "SEND_SENDER",
  from: new ErlangPid(atom("one@127.0.0.1"), 100, 0, 5),
  to: new ErlangPid(atom("other@127.0.0.1"), 200, 0, 6),
};

const payloads: readonly (readonly [name: string, payload: unknown, count: number])[] = [
  ["small", tuple(atom("hello"), 42, "some text"), 200_000],
  ["object", { id: 42, name: "some text", ok: true }, 200_000],
  ["1kb", crypto.getRandomValues(new Uint8Array(1_024)), 100_000],
  ["64kb", crypto.getRandomValues(new Uint8Array(65_536)), 4_000],
  ["1mb", new Uint8Array(1_048_576).fill(255), 200],
  ["list1000ints", Array.from({ length: 1_000 }, (_, at) => (at + 1) * 1_000), 10_000],
];

/** What a socket would read: its own memory, in pieces of its size. */
const socket = Buffer.alloc(16 * 1_048_576);

function cut(chunks: readonly Uint8Array[]): Uint8Array[] {
  let length = 0;
  for (const chunk of chunks) {
    socket.set(chunk, length);
    length += chunk.length;
  }
  const pieces = [];
  for (let at = 0; at < length; at += CHUNK_BYTES) pieces.push(socket.subarray(at, Math.min(length, at + CHUNK_BYTES)));
  return pieces;
}

/** Seconds of writing and of receiving so many messages. */
function once(payload: unknown, count: number): [number, number] {
  const sender = new Connection({ flags: VISIBLE_NODE_FLAGS });
  const receiver = new Connection({ flags: VISIBLE_NODE_FLAGS });
  // The first message has the atoms in it; it is not measured.
  const first = Buffer.concat(sender.send(control, payload));
  receiver.receive(first, () => undefined);
  const batch = together(first.length);
  let [writing, receiving, got] = [0, 0, 0];
  const sink: MessageSink = (_, read) => {
    read("natural");
    got++;
  };
  for (let sent = 0; sent < count; sent += batch) {
    const start = performance.now();
    for (let turn = 0; turn < batch; turn++) sender.write(control, payload);
    const chunks = sender.take();
    const written = performance.now();
    const pieces = cut(chunks);
    const cutAt = performance.now();
    for (const piece of pieces) receiver.receive(piece, sink);
    receiving += performance.now() - cutAt;
    writing += written - start;
  }
  if (got !== Math.ceil(count / batch) * batch) throw new Error(`${count} messages were sent, and ${got} have come`);
  return [writing / 1_000, receiving / 1_000];
}

await runPrograms({
  connection: async () => {
    for (const [name, payload, count] of payloads) {
      const times = Array.from({ length: repetitions }, () => once(payload, count));
      emitRate(
        `connection_write_${name}`,
        count,
        times.map(([writing]) => writing),
        "msgs/s",
      );
      emitRate(
        `connection_receive_${name}`,
        count,
        times.map(([, receiving]) => receiving),
        "msgs/s",
      );
    }
  },
});
