import type { NodeName } from "@interlock/core";
import { type LocalPid, RemotePid } from "@interlock/core/distribution";
import { Atom, atom, Fun, ImproperList, Tuple, tuple } from "@interlock/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { GroupName as Term } from "../../groups/group-name.ts";
import { methodTerm, settleHere } from "./conflicts.ts";
import { fromTerm, type GlobalMessage, type NameOperation, toTerm, type Versions } from "./messages.ts";
import type { GlobalEntry } from "./name-table.ts";
import { type GlobalRequest, requestFrom, requestTerm } from "./requests.ts";

const node = fc.constantFrom<NodeName[]>("a@h", "b@h", "c@h");
const pids = new Map<string, LocalPid>();
/** The same parts are the same pid. */
const pid = fc.tuple(node, fc.nat({ max: 3 }), fc.nat({ max: 2 })).map(([name, id, serial]) => {
  const key = `${name}.${id}.${serial}`;
  const made = pids.get(key) ?? new RemotePid({ name, index: name.charCodeAt(0), route: undefined }, id, serial);
  pids.set(key, made);
  return made;
});
const tag = fc.oneof(fc.integer(), fc.bigInt({ min: -(2n ** 60n), max: -(2n ** 54n) }));
const term = fc.oneof(
  fc.string().map((text) => new Term(text)),
  fc.string().map((text) => new Term(atom(text.slice(0, 200)))),
  fc.integer().map((number) => new Term(tuple(atom("room"), number))),
  pid.map((one) => new Term([one])),
);
const method = fc.constantFrom(methodTerm("random_exit"), new Fun(Uint8Array.from([112, 0])));
const entry: fc.Arbitrary<GlobalEntry> = fc.record({ name: term, pid, method, via: fc.constant(undefined) });
const versions: fc.Arbitrary<Versions> = fc.array(fc.tuple(node, fc.constantFrom(0, 7, 8))).map((all) => new Map(all));
const operation: fc.Arbitrary<NameOperation> = fc.oneof(
  fc.record({ type: fc.constant("insert"), entry }),
  fc.record({ type: fc.constant("delete"), name: term }),
);
const lock = fc.record({ resource: term, requester: term });
const external = fc.array(fc.record({ name: term, pid, via: node }));
const operations = fc.array(operation);
const nodes = fc.uniqueArray(node);
const version = fc.constantFrom(7, 8, 9);

const message: fc.Arbitrary<GlobalMessage> = fc.oneof(
  fc.record({ type: fc.constant("init_connect"), version, tag, node, known: versions, locker: pid }),
  fc.record({ type: fc.constant("init_connect_ack"), node, yours: tag, mine: tag }),
  fc.record({ type: fc.constant("cancel_connect"), node, tag }),
  fc.record({
    type: fc.constant("lock_set"),
    locker: pid,
    isSet: fc.boolean(),
    known: nodes,
    tag: fc.oneof(tag, fc.constant(undefined)),
  }),
  fc.record({ type: fc.constant("exchange"), node, names: fc.array(entry), tag }),
  fc.record({ type: fc.constant("resolved"), node, operations, external, known: versions, tag }),
  fc.record({
    type: fc.constant("new_nodes"),
    node,
    operations,
    external,
    nodes: versions,
    version,
    lock: fc.oneof(lock, fc.constant(undefined)),
  }),
  fc.record({ type: fc.constant("in_sync"), node }),
  fc.record({ type: fc.constant("lost_connection"), node, creation: tag, number: tag, lost: node }),
  fc.record({ type: fc.constant("remove_connection"), node }),
);
const request: fc.Arbitrary<GlobalRequest> = fc.oneof(
  fc.record({ type: fc.constantFrom("set_lock", "del_lock"), lock }),
  fc.record({
    type: fc.constant("register"),
    entry: fc.record({ name: term, pid, method, via: fc.oneof(node, fc.constant(undefined)) }),
  }),
  fc.record({ type: fc.constant("unregister"), name: term }),
  fc.record({ type: fc.constant("sync"), nodes }),
  fc.record({ type: fc.constantFrom("get_known", "get_synced", "get_protocol_version", "get_names_ext") }),
) as fc.Arbitrary<GlobalRequest>;

/** Terms hold bytes and whom they know: their keys say which they are. */
function plain(value: unknown): unknown {
  if (value instanceof Term) return value.key;
  if (value instanceof RemotePid || value instanceof Fun || value instanceof Atom) return value;
  if (value instanceof Map) return [...value].map(plain);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]));
}

describe("a message", () => {
  test("is itself again after it was a term", () => {
    fc.assert(
      fc.property(message, (one) => {
        expect(plain(fromTerm(toTerm(one)))).toEqual(plain(one));
      }),
    );
  });

  test("directly to a locker is without the envelope of a cast", () => {
    const said: GlobalMessage = {
      type: "lock_set",
      locker: new RemotePid({ name: "a@h", index: 1, route: undefined }, 1, 0),
      isSet: false,
      known: [],
      tag: undefined,
    };
    expect(fromTerm(toTerm(said).elements[1])).toEqual(said);
  });

  test("of which a part is anything else is refused by a TypeError, or read as another one", () => {
    const anything = fc.oneof(
      fc.constantFrom(atom("x"), 1.5, [], new ImproperList([1], 2), new Map(), tuple(), undefined, null, "text"),
      pid,
    );
    fc.assert(
      fc.property(message, anything, fc.nat(), fc.nat(), (one, other, at, depth) => {
        try {
          fromTerm(replaced(toTerm(one), other, at, depth % 4));
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError);
        }
      }),
    );
  });
});

function replaced(term: unknown, other: unknown, at: number, depth: number): unknown {
  const list = term instanceof Tuple ? term.elements : Array.isArray(term) ? (term as readonly unknown[]) : undefined;
  if (list === undefined || list.length === 0) return other;
  const place = at % list.length;
  const changed = list.with(place, depth === 0 ? other : replaced(list[place], other, at >> 2, depth - 1));
  return term instanceof Tuple ? new Tuple(changed) : changed;
}

test("a request is itself again after it was a term, and anything else is refused", () => {
  fc.assert(
    fc.property(request, (one) => {
      expect(plain(requestFrom(requestTerm(one)))).toEqual(plain(one));
    }),
  );
  for (const term of [atom("stop"), tuple(atom("registrar"), 1), tuple(), "text", undefined, 7])
    expect(() => requestFrom(term)).toThrow(TypeError);
});

test("what Erlang nodes said until R13 about the ends of others' processes is not needed, and no error", () => {
  expect(fromTerm(tuple(atom("$gen_cast"), tuple(atom("async_del_name"), atom("x"), 1)))).toBeUndefined();
});

test("a fun that only Erlang can run is refused", () => {
  const [one, other] = [1, 2].map((id) => new RemotePid({ name: "a@h", index: 1, route: undefined }, id, 0));
  for (const fun of [new Fun(Uint8Array.from([112, 0])), atom("random_exit"), undefined])
    expect(() => settleHere(fun, new Term("x"), one as LocalPid, other as LocalPid)).toThrow(TypeError);
});
