import { spawn } from "@interlock/core";
import type { LocalPid } from "@interlock/core/distribution";
import { atom, decode, ErlangPid, encode } from "@interlock/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checkedMessage, type PlacementMessage } from "./messages.ts";

type P = LocalPid;

const pid = spawn(() => undefined) as unknown as P;
const some: fc.Arbitrary<P> = fc.constant(pid);
const maybe = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(one, { nil: undefined });
const key = fc.string();
const epoch = fc.maxSafeNat();
const attempt = fc.nat();
const info = fc.record({
  node: fc.constant("a@127.0.0.1" as const),
  hosts: fc.boolean(),
  leaving: fc.boolean(),
  ready: fc.boolean(),
  version: fc.string(),
});
const frozen = fc.record({ attempt, heir: maybe(some) });
const claim = fc.record({ key, epoch, since: epoch, origin: some, pid: maybe(some), frozen: maybe(frozen) });
const heritage = fc.record({ key, epoch, since: epoch, origin: some });
const type = <T extends string>(name: T): fc.Arbitrary<T> => fc.constant(name);

const message: fc.Arbitrary<PlacementMessage<P>> = fc.oneof(
  fc.record({ type: type("join"), info }),
  fc.record({
    type: type("welcome"),
    info,
    claims: fc.array(claim, { maxLength: 3 }),
    heritage: fc.array(heritage, { maxLength: 3 }),
    clock: epoch,
  }),
  fc.record({ type: fc.constantFrom("ready" as const, "leaving" as const) }),
  fc.record({ type: type("want"), key, by: some }),
  fc.record({ type: type("at"), claim, reason: fc.constantFrom("normal", undefined) }),
  fc.record({ type: type("gone"), key, epoch, reason: fc.constantFrom("normal", undefined) }),
  fc.record({ type: type("freeze"), key, epoch, attempt, since: epoch, origin: some, heir: maybe(some) }),
  fc.record({ type: fc.constantFrom("frozen" as const, "complete" as const), key, epoch, attempt }),
  fc.record({ type: type("take"), key, epoch, attempt, parcel: fc.uint8Array({ maxLength: 9 }) }),
  fc.record({ type: type("taken"), key, epoch, attempt, pid: some }),
  fc.record({ type: type("refused"), key, epoch, attempt, reason: fc.string() }),
  fc.record({ type: fc.constantFrom("waived" as const, "holds" as const, "dispute" as const), key, epoch }),
);

/** A pid that comes back as the same object. */
const identities = {
  parts: (value: object) => (value === pid ? new ErlangPid(atom("a@127.0.0.1"), pid.id, 0, 1) : undefined),
  pid: () => pid,
  reference: () => {
    throw new Error("there are none in them");
  },
};

describe("messages between hosts", () => {
  test("arrive as they left, and are taken for what they are", () => {
    fc.assert(
      fc.property(message, (sent) => {
        const options = { identities: identities as never, marks: true };
        const received = decode(encode(sent, options), options);
        expect(checkedMessage(received)).toEqual(sent);
      }),
    );
  });

  test("that lack something, or have it of another kind, are not heard", () => {
    fc.assert(
      fc.property(message, fc.nat(), fc.constantFrom(null, 1.5, {}), (sent, pick, instead) => {
        const required = Object.keys(sent).filter(
          (name) =>
            !["reason", "error", "heir", "parcel"].includes(name) || (name === "reason" && sent.type === "refused"),
        );
        const name = required[pick % required.length] as string;
        expect(checkedMessage({ ...sent, [name]: instead })).toBeUndefined();
      }),
    );
    for (const nonsense of [undefined, null, 7, "join", [], { type: "toString" }, { type: "of another version" }])
      expect(checkedMessage(nonsense)).toBeUndefined();
  });
});
