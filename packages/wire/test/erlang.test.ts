import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { DIST_HDR_ATOM_CACHE, FRAGMENTS, VISIBLE_NODE_FLAGS } from "../src/distribution/flags.ts";
import { atom } from "../src/term/atom.ts";
import { type Binary, type ErlangPid, Float, Tuple, tuple } from "../src/term/erlang.ts";
import { type ErlangNode, erlangRelease, startErlang } from "./erlang-node.ts";
import { Epmd, type Link, type Message, TestNode } from "./socket-shell.ts";

const release = erlangRelease();
if (release === undefined && process.env["CI"] !== undefined) throw new Error("CI has no Erlang (erl) on its PATH.");

const COOKIE = "a cookie of the tests";
const BIG_BYTES = 10_000_000;

function tagged(tag: string): (message: Message) => boolean {
  return ({ payload }) => payload instanceof Tuple && payload.elements[0] === atom(tag);
}

function elementsOf(value: unknown): readonly unknown[] {
  return (value as Tuple).elements;
}

function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

describe.skipIf(release === undefined)(`with Erlang/OTP ${release ?? "(none installed: erl is missing)"}`, () => {
  let epmd: Epmd;
  let erlang: ErlangNode;
  const nodes: TestNode[] = [];

  beforeAll(async () => {
    epmd = await Epmd.start();
    erlang = await startErlang("peer@127.0.0.1", COOKIE, epmd.port);
  }, 60_000);

  afterAll(async () => {
    for (const node of nodes) node.close();
    await erlang.close();
    epmd.close();
  });

  function node(name: string, options: { flags?: bigint; cookie?: string } = {}): TestNode {
    const made = new TestNode({ name: `${name}@127.0.0.1`, cookie: COOKIE, ...options });
    nodes.push(made);
    return made;
  }

  async function dialed(name: string, flags?: bigint): Promise<Link> {
    const port = await epmd.portOf("peer");
    return node(name, flags === undefined ? {} : { flags }).dial(port, erlang.name);
  }

  test("a node that dials is known there, with the bit of Interlock among its flags", async () => {
    const link = await dialed("dialer");
    expect(link.established.peer).toBe("peer@127.0.0.1");
    expect(link.established.interlock).toBe(false);
    expect(await link.evaluate("lists:member('dialer@127.0.0.1', nodes()).")).toBe(atom("true"));
    // The creation there is the one that our EPMD gave, and so is that of its pids.
    expect(((await link.evaluate("self().")) as ErlangPid).creation).toBe(link.established.creation);
    expect(link.established.creation).toBe(await link.evaluate("erlang:system_info(creation)."));
  });

  test("a node that is dialed answers net_adm:ping", async () => {
    const accepted = await node("acceptor").accept(epmd);
    const link = await dialed("asker");
    expect(await link.evaluate("net_adm:ping('acceptor@127.0.0.1').")).toBe(atom("pong"));
    expect((await accepted()).established.peer).toBe("peer@127.0.0.1");
  });

  test("another cookie is refused, whoever dials", async () => {
    const port = await epmd.portOf("peer");
    await expect(node("stranger", { cookie: "another" }).dial(port, erlang.name)).rejects.toThrow("closed");
    const accepted = await node("vault", { cookie: "another" }).accept(epmd);
    const link = await dialed("asker2");
    const ping = link.evaluate("net_adm:ping('vault@127.0.0.1').");
    await expect(accepted()).rejects.toMatchObject({ details: { problem: "bad_cookie", peer: "peer@127.0.0.1" } });
    expect(await ping).toBe(atom("pang"));
  });

  const forms: readonly (readonly [string, bigint, number])[] = [
    ["fragments and the atom cache", VISIBLE_NODE_FLAGS, 69],
    ["the atom cache", VISIBLE_NODE_FLAGS & ~FRAGMENTS, 68],
    ["neither fragments nor an atom cache", VISIBLE_NODE_FLAGS & ~FRAGMENTS & ~DIST_HDR_ATOM_CACHE, 112],
  ];
  for (const [form, flags, tag] of forms) {
    describe(`with ${form}`, () => {
      test("a message to a name goes both ways", async () => {
        const link = await dialed(`names${tag}`, flags);
        link.sendTo("tester", tuple(atom("hello"), link.pid, new Float(1), "zwölf", [1, 2]));
        const text = `receive {hello, Pid, 1.0, <<"zwölf"/utf8>>, [1, 2]} when Pid =:= From ->
          {somebody, node(Pid)} ! {answer, self()}, registered_name end.`;
        expect(await link.evaluate(text)).toBe(atom("registered_name"));
        const { control, payload } = await link.next(tagged("answer"));
        expect(control).toMatchObject({ type: "REG_SEND", from: elementsOf(payload)[1], to: atom("somebody") });
        expect(link.seen).toContain(tag === 112 ? 112 : 68);
      });

      test("thousands of atoms are the same on the other side, and again when they have been evicted", async () => {
        const link = await dialed(`atoms${tag}`, flags);
        const parts = Array.from({ length: 15 }, (_, part) =>
          Array.from({ length: 200 }, (_unused, index) => atom(`ätom_${part * 200 + index}`)),
        );
        for (const list of [...parts, ...parts]) link.sendTo("tester", tuple(atom("atoms"), list));
        const text = `
          Part = fun(P) -> [list_to_atom([228 | "tom_" ++ integer_to_list(P * 200 + I)]) || I <- lists:seq(0, 199)] end,
          Parts = [Part(P) || P <- lists:seq(0, 14) ++ lists:seq(0, 14)],
          [From ! {atoms, Atoms} || Atoms <- Parts],
          [receive {atoms, Atoms} -> Atoms =:= Expected end || Expected <- Parts].`;
        expect(await link.evaluate(text)).toEqual(Array.from({ length: 30 }, () => atom("true")));
        for (const list of [...parts, ...parts]) {
          const { payload } = await link.next(tagged("atoms"));
          expect(elementsOf(payload)[1]).toEqual(list);
        }
      });

      test("ten megabytes go both ways unharmed", async () => {
        const link = await dialed(`large${tag}`, flags);
        const bytes = Buffer.alloc(BIG_BYTES).map((_, index) => (index * 31) >>> 3);
        const asked = link.evaluate(
          "receive {blob, Blob} -> Digest = erlang:md5(Blob), From ! {blob, Blob}, {byte_size(Blob), Digest} end.",
        );
        const chunks = link.sendTo("tester", tuple(atom("blob"), bytes));
        const [size, digest] = elementsOf(await asked);
        expect(size).toBe(BIG_BYTES);
        expect(Buffer.from((digest as Binary).bytes).toString("hex")).toBe(md5(bytes));
        expect(chunks.length > 100).toBe(tag === 69);
        const { payload } = await link.next(tagged("blob"));
        expect(md5((elementsOf(payload)[1] as Binary).bytes)).toBe(md5(bytes));
        expect(link.seen).toContain(tag);
      });
    });
  }
});
