/** What crosses a connection byte by byte, said by a node made by hand: old encodings, pieces, and what is no protocol. */
import { exactTerms } from "@interlock/cluster";
import { processInfo, remote, type Self, send } from "@interlock/core";
import { type Atom, atom, Binary, ErlangReference, encode, ImproperList, tuple } from "@interlock/wire";
import { expect, test } from "vitest";

import { HandmadePeer } from "./support/handmade-peer.ts";
import { ask, begin, type Note, nextEvent, note, pidOf, TestCluster, type TestNode } from "./support/nodes.ts";

/** A process `mirror` that sends each term back as it came, to `peer`. */
function mirror(at: TestNode, { name }: HandmadePeer): void {
  begin(at, "mirror", async (self) => {
    exactTerms();
    for (;;) send(remote("mirrored", name), (await self.receive()) as never);
  });
}

async function facing() {
  const cluster = await TestCluster.make();
  const a = await cluster.node("a");
  const b = await cluster.node("b");
  const peer = await HandmadePeer.dial(a);
  mirror(a, peer);
  await b.node.connect(a.name);
  return { cluster, a, b, peer };
}

const exact = (term: unknown): Uint8Array => encode(term, { profile: "exact" });
const VERSION = 131;

/** An atom in each of the four encodings that have been. */
function encodings(name: string): readonly Uint8Array[] {
  const [latin1, utf8] = [Buffer.from(name, "latin1"), Buffer.from(name, "utf8")];
  const [ATOM, SMALL_ATOM, ATOM_UTF8, SMALL_ATOM_UTF8] = [100, 115, 118, 119];
  const long = (tag: number, { length }: Buffer) => [VERSION, tag, length >> 8, length & 255];
  return [
    Buffer.of(...long(ATOM, latin1), ...latin1),
    Buffer.of(VERSION, SMALL_ATOM, latin1.length, ...latin1),
    Buffer.of(...long(ATOM_UTF8, utf8), ...utf8),
    ...(utf8.length < 256 ? [Buffer.of(VERSION, SMALL_ATOM_UTF8, utf8.length, ...utf8)] : []),
  ];
}

const REG_SEND = 6;
const toMirror = ({ pid }: HandmadePeer) => tuple(REG_SEND, pid, atom(""), atom("mirror"));

test("distribution:atom_roundtrip: an atom in any of its encodings is the same atom, and comes back as it", async () => {
  const { cluster, peer } = await facing();
  await using _ = cluster;
  for (const name of ["ok", "", "true", "with space", "\u00e5\u00e4\u00f6\u0000\u00ff", "x".repeat(255)])
    for (const bytes of encodings(name)) {
      peer.raw(toMirror(peer), bytes);
      expect((await peer.heard("REG_SEND")).payload).toBe(atom(name));
    }
});

test("distribution:unicode_atom_roundtrip: atoms of up to 255 characters of any script", async () => {
  const { cluster, peer } = await facing();
  await using _ = cluster;
  for (const character of ["\u03b1", "\u304b", "\u{1f642}"])
    for (const length of [1, 63, 64, 254, 255]) {
      peer.link.sendTo("mirror", atom(character.repeat(length)));
      expect((await peer.heard("REG_SEND")).payload).toBe(atom(character.repeat(length)));
    }
});

test("distribution:system_limit: atoms and references over Erlang's limits are refused, sent and received", async () => {
  const { a, b, cluster, peer } = await facing();
  await using _ = cluster;
  for (const character of ["x", "\u{1f642}"])
    expect(() => atom(character.repeat(256))).toThrow(expect.objectContaining({ code: "INTERLOCK_WIRE_LIMIT" }));
  for (const words of [[], [1, 2, 3, 4, 5, 6]])
    expect(() => exact([{ deep: new ErlangReference(atom("x@y"), words, 1) }])).toThrow(
      `a reference of ${words.length} words`,
    );
  const [ATOM, NEWER_REFERENCE] = [100, 90];
  const received = [
    Buffer.of(VERSION, ATOM, 1, 0, ...Buffer.alloc(256, "x")),
    Buffer.of(VERSION, NEWER_REFERENCE, 0, 6, ...exact(atom("x@y")).subarray(1), ...Buffer.alloc(28)),
    Buffer.of(VERSION, NEWER_REFERENCE, 0, 0, ...exact(atom("x@y")).subarray(1), ...Buffer.alloc(4)),
  ];
  peer[Symbol.dispose]();
  for (const bytes of received) await closedBy(a, (bad) => bad.raw(toMirror(bad), bytes));
  expect(a.node.nodes("connected")).toContain(b.name);
});

/** A peer of its own says that, and is gone: the node has closed the connection. */
async function closedBy(a: TestNode, say: (bad: HandmadePeer) => void): Promise<void> {
  using bad = await HandmadePeer.dial(a, { name: "bad@127.0.0.1" });
  const down = nextEvent(a, "nodedown");
  say(bad);
  expect(await down).toMatchObject({ node: bad.name, reason: "bytes that are no protocol" });
  await bad.closed();
}

test("distribution:contended_atom_cache_entry: of atoms that share the places of a cache none is taken for another", async () => {
  await using cluster = await TestCluster.make();
  const [a, b] = [await cluster.node("a"), await cluster.node("b")];
  begin(b, "mirror", async (self) => {
    exactTerms();
    for (;;) {
      const [from, ...atoms] = (await self.receive()) as unknown as readonly [never, ...Atom[]];
      send(from, atoms as never);
    }
  });
  // Twice as many as there are places in the cache of a connection.
  const senders = Array.from({ length: 8 }, (_, sender) =>
    a.run(async (self: Self<readonly Atom[]>) => {
      for (let round = 0; round < 256; round++) {
        const atoms = [0, 1, 2].map((at) => atom(`contended ${(round * 7 + sender + at * 997) % 4_096}`));
        send(remote("mirror", b.name), [self.pid, ...atoms] as never);
        expect(await self.receive()).toEqual(atoms);
      }
    }),
  );
  await Promise.all(senders);
});

test("distribution:exit_dist_fragments: a large reason arrives whole; of a message that was cut off nothing does", async () => {
  const { a, b, cluster, peer } = await facing();
  await using _ = cluster;
  const reason = { text: "x".repeat(3_000_000), list: Array.from({ length: 1_000 }, (_, n) => ({ n })) };
  begin(a, "ends", async (self) => {
    await self.receive();
    self.exit(reason);
  });
  await b.run(async (self: Self<Note>) => {
    const exits = self.trapExit();
    const watch = self.monitor(remote("ends", a.name));
    send(remote("ends", a.name), { type: "note" } as never);
    expect((await self.receive(watch.down)).reason).toEqual(reason);
    begin(a, "ends linked", async (other) => {
      const { from } = await other.receive();
      note(from as never, "here", other.pid);
      await other.receive();
      other.exit(reason);
    });
    const pid = await pidOf(self, "ends linked", a.name);
    self.link(pid);
    note(pid, "end");
    expect((await self.receive(exits)).reason).toEqual(reason);
  });
  // The sender's node dies in the middle.
  const [first, second] = peer.frames(
    { type: "REG_SEND", from: peer.pid, to: atom("mirror") },
    new Binary(new Uint8Array(300_000)),
  );
  peer.write(first as Uint8Array, (second as Uint8Array).subarray(0, 1_000));
  const down = nextEvent(a, "nodedown");
  peer.link.socket.end();
  await down;
  using again = await HandmadePeer.dial(a);
  again.link.sendTo("mirror", atom("whole"));
  expect((await again.heard("REG_SEND")).payload).toBe(atom("whole"));
});

test("distribution:bad_dist_structure: a control message of no known structure closes its connection, and no other", async () => {
  const { a, b, cluster, peer } = await facing();
  await using _ = cluster;
  const { pid } = peer;
  const ref = peer.reference();
  const [LINK, SEND, EXIT, UNLINK_ID, MONITOR_P, DEMONITOR_P, MONITOR_P_EXIT, SPAWN_REQUEST, SPAWN_REPLY] = [
    1, 2, 3, 35, 19, 20, 21, 29, 31,
  ];
  const bad: readonly unknown[] = [
    atom("link"),
    [],
    tuple(),
    tuple(atom("link"), pid, pid),
    tuple(LINK),
    tuple(LINK, pid),
    tuple(LINK, pid, pid, pid),
    tuple(LINK, atom("a"), pid),
    tuple(LINK, pid, ref),
    tuple(SEND, atom("")),
    tuple(EXIT, pid, pid),
    tuple(UNLINK_ID, 0, pid, pid),
    tuple(UNLINK_ID, 2n ** 64n, pid, pid),
    tuple(UNLINK_ID, -1, pid, pid),
    tuple(REG_SEND, pid, atom(""), pid),
    tuple(MONITOR_P, pid, pid, pid),
    tuple(MONITOR_P, pid, 1, ref),
    tuple(DEMONITOR_P, ref, pid, ref),
    tuple(MONITOR_P_EXIT, pid, pid, ref),
    tuple(SPAWN_REQUEST, ref, pid, pid, tuple(atom("m"), atom("f")), []),
    tuple(SPAWN_REQUEST, ref, pid, pid, tuple(atom("m"), 1, 0), []),
    tuple(SPAWN_REPLY, ref, pid, 0),
    tuple(77, pid, pid),
  ];
  for (const control of bad) await closedBy(a, (one) => one.raw(control));
  expect(a.node.nodes("connected")).toEqual([peer.name, b.name]);
  await peer.acted();
});

/** The frames of a message in pieces, with their numbers put in anew. */
function pieces(
  peer: HandmadePeer,
  ...numbers: readonly (readonly [sequence: bigint, fragment: bigint])[]
): readonly Uint8Array[] {
  const frames = peer.frames(
    { type: "REG_SEND", from: peer.pid, to: atom("mirror") },
    new Binary(new Uint8Array(300_000)),
  );
  return numbers.map(([sequence, fragment], at) => {
    const frame = Buffer.from(frames[at] as Uint8Array);
    frame.writeBigUInt64BE(sequence, 6);
    frame.writeBigUInt64BE(fragment, 14);
    return frame;
  });
}

test("distribution:bad_dist_fragments: pieces that do not fit together close their connection, and no other", async () => {
  const { a, b, cluster, peer } = await facing();
  await using _ = cluster;
  for (const numbers of [
    [[1n, 0n]],
    [
      [1n, 5n],
      [1n, 3n],
    ],
    [
      [1n, 5n],
      [1n, 5n],
    ],
    [
      [1n, 5n],
      [1n, 6n],
    ],
    [
      [1n, 5n],
      [2n, 4n],
    ],
    [
      [1n, 5n],
      [1n, 4n],
      [1n, 2n],
    ],
    // More than there is.
    [
      [1n, 2n],
      [1n, 1n],
      [1n, 0n],
    ],
  ] as const)
    await closedBy(a, (bad) => bad.write(...pieces(bad, ...numbers)));
  const frames = peer.frames(
    { type: "REG_SEND", from: peer.pid, to: atom("mirror") },
    new Binary(new Uint8Array(300_000)),
  );
  // A second beginning.
  await closedBy(a, (bad) => {
    const first = pieces(bad, [1n, 5n])[0] as Uint8Array;
    bad.write(first, first);
  });
  expect(frames.length).toBeGreaterThan(4);
  peer.write(...frames);
  expect((await peer.heard("REG_SEND")).payload).toEqual(new Binary(new Uint8Array(300_000)));
  expect(a.node.nodes("connected")).toContain(b.name);
});

/** Terms that cannot be read: cut off, of no kind, over their own end. */
const unreadable: readonly Buffer[] = [
  Buffer.of(VERSION),
  Buffer.of(VERSION, 255),
  Buffer.of(130, 97, 1),
  Buffer.of(VERSION, 104, 2, 97, 1),
  Buffer.of(VERSION, 109, 255, 255, 255, 255, 1),
  Buffer.of(VERSION, 97, 1, 97, 1),
  Buffer.of(VERSION, 119, 2, 0xff, 0xff),
  Buffer.of(VERSION, 116, 0, 0, 0, 1, 97, 1),
];

test("distribution:bad_dist_ext_receive: a message that cannot be read closes its connection, and its receiver never sees it", async () => {
  const { a, b, cluster, peer } = await facing();
  await using _ = cluster;
  const received: unknown[] = [];
  const receiver = begin(a, "receiver", async (self) => {
    for (;;) {
      const { from, text } = await self.receive();
      received.push(text);
      if (from !== undefined) note(from, text, self.pid);
    }
  });
  for (const bytes of unreadable)
    await closedBy(a, (bad) => bad.raw(tuple(REG_SEND, bad.pid, atom(""), atom("receiver")), bytes));
  await b.run((self: Self<Note>) => ask(self, "receiver", a.name, "readable"));
  await peer.acted();
  expect(received).toEqual(["readable"]);
  expect(processInfo(receiver)?.messages).toEqual([]);
});

test("distribution:bad_dist_ext_control: a control message that cannot be read closes its connection, and no other", async () => {
  const { a, b, cluster, peer } = await facing();
  await using _ = cluster;
  for (const bytes of [Buffer.of(), ...unreadable, Buffer.of(VERSION, 104, 3, 97, 1, 103)])
    await closedBy(a, (bad) => bad.raw(bytes));
  expect(a.node.nodes("connected")).toContain(b.name);
  await peer.acted();
});

test("distribution:bad_dist_ext_connection_id: what an old connection still says is no matter of the new one", async () => {
  const { a, cluster, peer } = await facing();
  await using _ = cluster;
  const down = nextEvent(a, "nodedown");
  using again = await HandmadePeer.dial(a);
  expect(await down).toMatchObject({ node: peer.name, reason: "superseded by a new connection" });
  peer.raw(atom("late and bad"));
  peer.raw(toMirror(peer), unreadable[0]);
  await peer.closed();
  again.link.sendTo("mirror", atom("whole"));
  expect((await again.heard("REG_SEND")).payload).toBe(atom("whole"));
  expect(a.node.nodes()).toEqual([again.name]);
});

test("distribution:bad_dist_ext_spawn_request_arg_list: a start with no proper list of arguments is refused, or closes its connection", async () => {
  const { a, cluster, peer } = await facing();
  await using _ = cluster;
  const request = (ref: ErlangReference, arity = 2) =>
    tuple(29, ref, peer.pid, peer.pid, tuple(atom("m"), atom("f"), arity), []);
  for (const args of [new ImproperList([1, 2], 3), atom("none"), tuple(1, 2), [1], [1, 2, 3]]) {
    const ref = peer.reference();
    peer.raw(request(ref), exact(args));
    expect((await peer.heard("SPAWN_REPLY")).control).toMatchObject({ ref, result: atom("badarg") });
  }
  for (const bytes of [Buffer.of(VERSION, 108, 0, 0, 0, 2, 97, 1), Buffer.of(VERSION)])
    await closedBy(a, (bad) => bad.raw(request(bad.reference()), bytes));
  await peer.acted();
});
