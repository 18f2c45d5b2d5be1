import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { WireError } from "../errors.ts";
import {
  DIST_HDR_ATOM_CACHE,
  FRAGMENTS,
  HANDSHAKE_23,
  HIDDEN_NODE_FLAGS,
  INTERLOCK,
  MANDATORY_25_DIGEST,
  NAME_ME,
  REQUIRED,
  VISIBLE_NODE_FLAGS,
} from "./flags.ts";
import {
  type Handshake,
  type HandshakeEvent,
  type HandshakeOptions,
  type HandshakeStep,
  type Standing,
  startHandshake,
} from "./handshake.ts";
import { decodeChallenge, encodeName, encodeStatus } from "./handshake-message.ts";

const OTP_25 = 0xd_07df_7fbdn;
const OTP_29 = 0x6d_07df_7fbdn;

const alice: HandshakeOptions = {
  role: "dialer",
  name: "alice@example.org",
  cookie: "secret",
  flags: VISIBLE_NODE_FLAGS,
  creation: 0xfedc_ba98,
  challenge: 0xffff_fff0,
};
const bob: HandshakeOptions = { ...alice, role: "acceptor", name: "bob@example.org", creation: 5, challenge: 17 };

interface Answers {
  readonly standing?: Standing;
  readonly wanted?: boolean;
}

/** One side, which answers its questions at once, and keeps what it says and what it is told. */
class Side {
  readonly events: HandshakeEvent[] = [];
  readonly received: Uint8Array[] = [];
  readonly #handshake: Handshake;
  readonly #answers: Answers;
  #output: Uint8Array[];

  constructor(options: HandshakeOptions, answers: Answers) {
    const { handshake, output } = startHandshake(options);
    this.#handshake = handshake;
    this.#output = [...output];
    this.#answers = answers;
  }

  receive(bytes: Uint8Array): void {
    this.received.push(bytes);
    this.#take(this.#handshake.receive(bytes));
  }

  #take({ events, output }: HandshakeStep): void {
    this.events.push(...events);
    this.#output.push(...output);
    for (const { type } of events) {
      if (type === "asked") this.#take(this.#handshake.decide(this.#answers.standing ?? "none"));
      else if (type === "alive") this.#take(this.#handshake.confirm(this.#answers.wanted ?? true));
    }
  }

  say(): Uint8Array {
    return Buffer.concat(this.#output.splice(0));
  }

  get last(): HandshakeEvent | undefined {
    return this.events.at(-1);
  }

  get problem(): string | undefined {
    return this.last?.type === "refused" ? this.last.error.details.problem : undefined;
  }
}

function meet(
  one: Partial<HandshakeOptions>,
  other: Partial<HandshakeOptions>,
  answers: Answers = {},
): { readonly dialer: Side; readonly acceptor: Side } {
  const dialer = new Side({ ...alice, ...one }, answers);
  const acceptor = new Side({ ...bob, ...other }, answers);
  for (;;) {
    const there = dialer.say();
    const back = acceptor.say();
    if (there.length + back.length === 0) return { dialer, acceptor };
    if (there.length > 0) acceptor.receive(there);
    if (back.length > 0) dialer.receive(back);
  }
}

function types(side: Side): string[] {
  return side.events.map(({ type }) => type);
}

test("two nodes with the same cookie and enough flags agree on what both can do", () => {
  const sets = [
    VISIBLE_NODE_FLAGS,
    HIDDEN_NODE_FLAGS,
    VISIBLE_NODE_FLAGS & ~INTERLOCK,
    VISIBLE_NODE_FLAGS & ~FRAGMENTS & ~DIST_HDR_ATOM_CACHE,
    (REQUIRED & 0x3_0200_0000n) | (1n << 34n) | MANDATORY_25_DIGEST,
    OTP_25,
    OTP_29,
  ];
  for (const mine of sets) {
    for (const theirs of sets) {
      const { dialer, acceptor } = meet({ flags: mine }, { flags: theirs });
      expect(dialer.last).toMatchObject({ type: "established", peer: bob.name, creation: bob.creation });
      expect(acceptor.last).toMatchObject({ type: "established", peer: alice.name, creation: alice.creation });
      const [one, other] = [dialer.last, acceptor.last];
      if (one?.type !== "established" || other?.type !== "established") throw new Error("not established");
      expect(one.flags).toBe(other.flags);
      expect(one.flags & REQUIRED).toBe(REQUIRED);
      expect(one.interlock).toBe((mine & theirs & INTERLOCK) !== 0n);
      expect(one.visible).toBe((theirs & 1n) === 1n);
    }
  }
});

test("the events and the answers are the same wherever the bytes were cut", () => {
  const sessions = ([{}, { standing: "established" }, { standing: "pending" }] as const).flatMap((answers) =>
    ([2, 4] as const).map((lengthBytes) => [answers, lengthBytes] as const),
  );
  for (const [answers, lengthBytes] of sessions) {
    const whole = meet({ name: "zoe@example.org", lengthBytes }, { lengthBytes }, answers);
    for (const [side, options] of [
      [whole.dialer, { ...alice, name: "zoe@example.org", lengthBytes }],
      [whole.acceptor, { ...bob, lengthBytes }],
    ] as const) {
      const bytes = Buffer.concat(side.received);
      for (let cut = 0; cut <= bytes.length; cut++) {
        const again = new Side(options, answers);
        again.receive(bytes.subarray(0, cut));
        again.receive(bytes.subarray(cut));
        expect(again.events).toEqual(side.events);
      }
      const slow = new Side(options, answers);
      for (const byte of bytes) slow.receive(Uint8Array.of(byte));
      expect(slow.events).toEqual(side.events);
    }
  }
});

test("over TLS each message has four bytes of length, as OTP's inet_tls_dist has it", () => {
  const { dialer, acceptor } = meet({ lengthBytes: 4 }, { lengthBytes: 4 });
  expect([dialer.last?.type, acceptor.last?.type]).toEqual(["established", "established"]);
  const [name = ""] = acceptor.received.map((bytes) => Buffer.from(bytes).toString("latin1"));
  expect(name.slice(0, 5)).toBe(`\0\0\0${String.fromCharCode(name.length - 4)}N`);
  const [status = ""] = dialer.received.map((bytes) => Buffer.from(bytes).toString("latin1"));
  expect(status.slice(0, 9)).toBe("\0\0\0\x03sok\0\0");
});

test("what follows the handshake flows on", () => {
  const { dialer } = meet({}, {});
  const again = new Side(alice, {});
  again.receive(Buffer.concat([...dialer.received, Buffer.from([0, 0, 0, 0, 1])]));
  expect(again.last).toMatchObject({ type: "established", rest: Uint8Array.of(0, 0, 0, 0, 1) });
});

test("of two that dial each other the one with the greater name goes on", () => {
  const lesser = meet({ name: "a@h" }, { name: "b@h" }, { standing: "pending" });
  expect([lesser.dialer.problem, lesser.acceptor.problem]).toEqual(["nok", "nok"]);
  const greater = meet({ name: "b@h" }, { name: "a@h" }, { standing: "pending" });
  expect(types(greater.acceptor)).toEqual(["asked", "supersedes", "established"]);
  expect(greater.dialer.last?.type).toBe("established");
  // By code points as Erlang compares, not by JavaScript's UTF-16: U+FF5A is before U+1F642.
  expect(meet({ name: "\u{1f642}@h" }, { name: "\uff5a@h" }, { standing: "pending" }).dialer.problem).toBeUndefined();
});

test("a dialer that knows of no connection takes the place of the old one, and gives way otherwise", () => {
  const anew = meet({}, {}, { standing: "established", wanted: true });
  expect(types(anew.dialer)).toEqual(["alive", "established"]);
  expect(types(anew.acceptor)).toEqual(["asked", "supersedes", "established"]);
  const kept = meet({}, {}, { standing: "established", wanted: false });
  expect([kept.dialer.problem, kept.acceptor.problem]).toEqual(["already_connected", "already_connected"]);
});

test("while the cookie changes, an acceptor takes a dialer that has either, and shows it the same", () => {
  for (const cookie of ["secret", "another"]) {
    const { acceptor, dialer } = meet({ cookie }, { accepted: ["a third", "another"] });
    expect([types(dialer).at(-1), types(acceptor).at(-1)]).toEqual(["established", "established"]);
  }
  expect(meet({ cookie: "unknown" }, { accepted: ["another"] }).acceptor.problem).toBe("bad_cookie");
  // A dialer shows its own, and takes no other.
  expect(meet({ accepted: ["another"] }, { cookie: "another" }).acceptor.problem).toBe("bad_cookie");
});

describe("is refused:", () => {
  test("a node that the shell does not want", () => {
    const { dialer, acceptor } = meet({}, {}, { standing: "not_allowed" });
    expect([dialer.problem, acceptor.problem]).toEqual(["not_allowed", "not_allowed"]);
  });

  test("another cookie, on both sides", () => {
    const { dialer, acceptor } = meet({ cookie: "another" }, {});
    expect(acceptor.problem).toBe("bad_cookie");
    expect(dialer.last).toBeUndefined();
    // An acceptor that lets everyone in is found out by the dialer.
    const proof = meet({}, {}).dialer.received;
    const cheated = new Side({ ...alice, cookie: "another" }, {});
    for (const bytes of proof) cheated.receive(bytes);
    expect(cheated.problem).toBe("bad_cookie");
  });

  test("a missing flag, each of them, whoever lacks it", () => {
    for (let bit = 0n; bit < 64n; bit++) {
      const flag = 1n << bit;
      const expected = (REQUIRED & flag) === 0n ? undefined : "missing_flags";
      const flags = VISIBLE_NODE_FLAGS & ~flag & ~MANDATORY_25_DIGEST;
      expect(meet({ flags }, {}).acceptor.problem).toBe(expected);
      expect(meet({}, { flags }).dialer.problem).toBe(expected);
    }
  });

  test("bit 36 instead of bit 26 for the flags of OTP 25", () => {
    const rest = (1n << 25n) | (1n << 34n);
    expect(meet({ flags: rest | MANDATORY_25_DIGEST }, {}).acceptor.last?.type).toBe("established");
    expect(meet({ flags: rest | (1n << 36n) }, {}).acceptor.problem).toBe("missing_flags");
  });

  test("a node without a name of its own, and one with ours", () => {
    const nameless = meet({ flags: VISIBLE_NODE_FLAGS | NAME_ME }, {});
    expect([nameless.dialer.problem, nameless.acceptor.problem]).toEqual(["not_allowed", "not_allowed"]);
    expect(meet({ name: bob.name }, {}).acceptor.problem).toBe("not_allowed");
  });

  test("a node that answers under another name than the dialed", () => {
    expect(meet({ peer: "carol@example.org" }, {}).dialer.problem).toBe("bad_name");
  });

  test("a name without a host, with control characters, or of more than 255 bytes", () => {
    for (const name of ["alice", "a@b@c", "@h", "a@", "a\n@h", `${"é".repeat(127)}@h`, "\0@h"]) {
      expect(() => startHandshake({ ...alice, name })).toThrow(
        expect.objectContaining({
          code: "INTERLOCK_WIRE_HANDSHAKE",
          details: { problem: "bad_name", peer: undefined },
        }),
      );
      const [head, text] = [Buffer.from(encodeName(alice).subarray(0, 17)), Buffer.from(name)];
      head.writeUInt16BE(15 + text.length);
      head.writeUInt16BE(text.length, 15);
      const acceptor = new Side(bob, {});
      acceptor.receive(Buffer.concat([head, text]));
      expect(acceptor.problem).toBe("bad_name");
    }
  });

  test("a message that is too long, before it has come", () => {
    const acceptor = new Side(bob, {});
    acceptor.receive(Uint8Array.of(2, 1));
    expect(acceptor.problem).toBe("bad_message");
  });

  test("a name that is given to the dialer, which has one", () => {
    const dialer = new Side(alice, {});
    const text = Buffer.from("snamed:\0\x05a@b.c\0\0\0\x01");
    dialer.receive(Buffer.concat([Buffer.of(0, text.length), text]));
    expect(dialer.problem).toBe("bad_message");
  });

  test("a peer that talks on while the shell has not answered", () => {
    const { handshake } = startHandshake(bob);
    handshake.receive(encodeName(alice));
    const flood = handshake.receive(new Uint8Array(2_000));
    expect(flood.events[0]).toMatchObject({ type: "refused" });
    expect(handshake.decide("none")).toEqual({ events: [], output: [] });
  });
});

test("the old form of the name is taken from OTP 23 and 24 only, with its complement", () => {
  const named = (flags: bigint): Buffer => {
    const text = Buffer.from(alice.name);
    const head = Buffer.alloc(9);
    head.writeUInt16BE(7 + text.length);
    head[2] = 110;
    head.writeUInt16BE(5, 3);
    head.writeUInt32BE(Number(flags & 0xffff_ffffn), 5);
    return Buffer.concat([head, text]);
  };
  const acceptor = new Side(bob, {});
  acceptor.receive(named(OTP_25));
  const said = Buffer.from(acceptor.say());
  expect(said.toString("latin1", 2, 5)).toBe("sok");
  expect(decodeChallenge(said.subarray(7)).challenge).toBe(bob.challenge);
  const complement = Buffer.alloc(11);
  complement.writeUInt16BE(9);
  complement[2] = 99;
  complement.writeUInt32BE(Number(OTP_25 >> 32n), 3);
  complement.writeUInt32BE(99, 7);
  acceptor.receive(complement);
  acceptor.receive(meet({}, {}).acceptor.received.at(-1) as Uint8Array);
  expect(acceptor.last).toMatchObject({ type: "established", creation: 99, flags: OTP_25 & VISIBLE_NODE_FLAGS });

  const older = new Side(bob, {});
  older.receive(named(OTP_25 & ~HANDSHAKE_23));
  expect(older.problem).toBe("version");
  const lacking = new Side(bob, {});
  lacking.receive(named(OTP_25));
  complement.writeUInt32BE(0, 3);
  lacking.receive(complement);
  expect(lacking.problem).toBe("missing_flags");
});

test("what a peer of a later version adds behind its name is let pass", () => {
  const acceptor = new Side(bob, {});
  const name = encodeName(alice);
  name.writeUInt16BE(name.length - 2 + 3);
  acceptor.receive(Buffer.concat([name, Buffer.from("new")]));
  expect(types(acceptor)).toEqual(["asked"]);
});

test("whatever the peer says, a handshake ends in events and throws nothing", () => {
  const { dialer, acceptor } = meet({}, {}, { standing: "established" });
  const cases = [
    [alice, Buffer.concat(dialer.received)],
    [bob, Buffer.concat(acceptor.received)],
  ] as const;
  fc.assert(
    fc.property(
      fc.constantFrom(...cases),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.nat(),
      fc.uint8Array({ maxLength: 30 }),
      ([options, bytes], changes, cut, tail) => {
        const mutated = Buffer.concat([bytes.subarray(0, cut % (bytes.length + 1)), tail, bytes.subarray(cut % 50)]);
        for (const [at, value] of changes) mutated[at % mutated.length] = value;
        const side = new Side(options, { standing: "established" });
        side.receive(mutated);
        for (const event of side.events) {
          if (event.type !== "refused") continue;
          expect(event.error).toBeInstanceOf(WireError);
          expect(event.error.code).toBe("INTERLOCK_WIRE_HANDSHAKE");
        }
        expect(side.events.filter(({ type }) => type === "refused").length).toBeLessThan(2);
      },
    ),
    { numRuns: 2_000 },
  );
});

test("the statuses are those of the protocol", () => {
  expect([...encodeStatus("ok")]).toEqual([0, 3, 115, 111, 107]);
  expect(encodeName({ flags: 1n, creation: 2, name: "a@b" }).toString("hex")).toBe(
    "0012" + "4e" + "0000000000000001" + "00000002" + "0003" + "614062",
  );
});
