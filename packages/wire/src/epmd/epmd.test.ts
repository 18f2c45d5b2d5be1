import fc from "fast-check";
import { expect, test } from "vitest";

import { WireError } from "../errors.ts";
import { EpmdRegistry } from "./registry.ts";
import { type EpmdNode, type EpmdRequest, EpmdRequestReader, encodeEpmdRequest } from "./request.ts";
import {
  type EpmdResponse,
  EpmdResponseReader,
  encodeAlive2Response,
  encodeNamesResponse,
  encodePort2Response,
  readAlive2Response,
  readNamesResponse,
  readPort2Response,
} from "./response.ts";

const names = fc.stringMatching(/^[a-zA-Z0-9_-]{1,40}$/);
const nodes: fc.Arbitrary<EpmdNode> = fc.record({
  name: names,
  port: fc.nat(65_535),
  type: fc.constantFrom("visible", "hidden"),
  highestVersion: fc.nat(65_535),
  lowestVersion: fc.nat(65_535),
  extra: fc.uint8Array({ maxLength: 20 }),
});
const requests: fc.Arbitrary<EpmdRequest> = fc.oneof(
  fc.record({ type: fc.constant("ALIVE2_REQ" as const), node: nodes }),
  fc.record({ type: fc.constantFrom("PORT_PLEASE2_REQ" as const, "STOP_REQ" as const), name: names }),
  fc.record({ type: fc.constantFrom("NAMES_REQ" as const, "DUMP_REQ" as const, "KILL_REQ" as const) }),
);

function node(name: string, port = 4_000): EpmdNode {
  return { name, port, type: "visible", highestVersion: 6, lowestVersion: 6, extra: new Uint8Array() };
}

/** One connection of its own that sends one request. */
function ask(registry: EpmdRegistry, request: EpmdRequest) {
  const connection = registry.connect();
  return { connection, ...connection.receive(encodeEpmdRequest(request)) };
}

function creationIn(output: Uint8Array | undefined): number | undefined {
  return new EpmdResponseReader(readAlive2Response).receive(output ?? new Uint8Array())?.creation;
}

test("the bytes of the requests are those of erl_dist_protocol", () => {
  expect([
    ...encodeEpmdRequest({ type: "ALIVE2_REQ", node: { ...node("ab", 0x1234), extra: Uint8Array.of(9) } }),
  ]).toEqual([0, 16, 120, 0x12, 0x34, 77, 0, 0, 6, 0, 6, 0, 2, 97, 98, 0, 1, 9]);
  expect([...encodeEpmdRequest({ type: "PORT_PLEASE2_REQ", name: "ab" })]).toEqual([0, 3, 122, 97, 98]);
  expect([...encodeEpmdRequest({ type: "NAMES_REQ" })]).toEqual([0, 1, 110]);
});

test("a request is the same wherever its bytes were cut", () => {
  fc.assert(
    fc.property(requests, (request) => {
      const bytes = encodeEpmdRequest(request);
      for (let cut = 0; cut <= bytes.length; cut++) {
        const reader = new EpmdRequestReader();
        const parts = [bytes.subarray(0, cut), bytes.subarray(cut)].map((part) => reader.receive(part));
        expect(parts.filter((part) => part !== undefined)).toEqual([request]);
      }
    }),
  );
});

test("a response is the same wherever its bytes were cut", () => {
  const same = <Value>(bytes: Uint8Array, read: EpmdResponse<Value>, value: Value): void => {
    for (let cut = 0; cut <= bytes.length; cut++) {
      const reader = new EpmdResponseReader(read);
      reader.receive(bytes.subarray(0, cut));
      reader.receive(bytes.subarray(cut));
      expect(reader.closed()).toEqual(value);
    }
  };
  fc.assert(
    fc.property(nodes, fc.nat(0xffff_ffff), fc.array(nodes, { maxLength: 4 }), (one, creation, some) => {
      same(encodeAlive2Response(6, { creation }), readAlive2Response, { creation });
      same(encodeAlive2Response(5, { creation }), readAlive2Response, { creation: (creation % 3) + 1 });
      same(encodePort2Response(one), readPort2Response, { node: one });
      same(
        encodeNamesResponse(4369, some),
        readNamesResponse,
        some.map(({ name, port }) => ({ name, port })),
      );
    }),
    { numRuns: 30 },
  );
  same(encodePort2Response(undefined), readPort2Response, { node: undefined });
  same(encodeAlive2Response(6, { creation: undefined }), readAlive2Response, { creation: undefined });
});

test("a response that ends too early is refused", () => {
  const reader = new EpmdResponseReader(readPort2Response);
  reader.receive(encodePort2Response(node("a")).subarray(0, 9));
  expect(() => reader.closed()).toThrow(expect.objectContaining({ code: "INTERLOCK_WIRE_PROTOCOL" }));
});

test("whatever the bytes, nothing but a WireError is thrown", () => {
  const readers = [readAlive2Response, readPort2Response, readNamesResponse] as EpmdResponse<unknown>[];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), fc.constantFrom(120, 122, 110, 100, 107, 115), (bytes, tag) => {
      const tries = [
        () => new EpmdRequestReader().receive(Buffer.concat([Buffer.of(0, bytes.length + 1, tag), bytes])),
        () => new EpmdRequestReader().receive(bytes),
        ...readers.map((read) => () => {
          const reader = new EpmdResponseReader(read);
          reader.receive(Buffer.concat([Buffer.of(tag), bytes]));
          reader.closed();
        }),
      ];
      for (const one of tries) {
        try {
          one();
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }
    }),
  );
});

test("a name belongs to the connection that registered it until that one closes", () => {
  const registry = new EpmdRegistry({ port: 4369, creation: 1_000 });
  const first = ask(registry, { type: "ALIVE2_REQ", node: node("a", 1) });
  expect(first.close).toBe(false);
  const second = ask(registry, { type: "ALIVE2_REQ", node: node("a", 2) });
  expect([creationIn(second.output), second.close]).toEqual([undefined, true]);
  second.connection.closed();
  expect(registry.nodes.get("a")?.port).toBe(1);
  first.connection.closed();
  expect(registry.nodes.size).toBe(0);
  expect(creationIn(ask(registry, { type: "ALIVE2_REQ", node: node("a", 2) }).output)).toBeDefined();
});

test("every registration has another creation, never one below 4", () => {
  const registry = new EpmdRegistry({ port: 4369, creation: 0xffff_fffd });
  const creations = ["a", "b", "c", "d", "e", "f"].map((name) =>
    creationIn(ask(registry, { type: "ALIVE2_REQ", node: node(name) }).output),
  );
  expect(creations).toEqual([0xffff_fffe, 0xffff_ffff, 4, 5, 6, 7]);
});

test("a node before version 6 gets the old answer, with a creation of two bits", () => {
  const registry = new EpmdRegistry({ port: 4369, creation: 1_000 });
  const { output } = ask(registry, { type: "ALIVE2_REQ", node: { ...node("old"), highestVersion: 5 } });
  expect([...(output ?? [])]).toEqual([121, 0, 0, (1_001 % 3) + 1]);
});

test("lookup and names tell of the nodes that are there", () => {
  const registry = new EpmdRegistry({ port: 4369, creation: 1_000 });
  ask(registry, { type: "ALIVE2_REQ", node: node("a", 1) });
  ask(registry, { type: "ALIVE2_REQ", node: node("b", 2) });
  const found = ask(registry, { type: "PORT_PLEASE2_REQ", name: "b" });
  expect(new EpmdResponseReader(readPort2Response).receive(found.output ?? new Uint8Array())?.node?.port).toBe(2);
  expect([...(ask(registry, { type: "PORT_PLEASE2_REQ", name: "c" }).output ?? [])]).toEqual([119, 1]);
  const listed = ask(registry, { type: "NAMES_REQ" }).output as Buffer;
  expect(listed.readUInt32BE(0)).toBe(4369);
  expect(listed.toString("utf8", 4)).toBe("name a at port 1\nname b at port 2\n");
});

test("KILL and STOP are refused and nobody is unregistered", () => {
  const registry = new EpmdRegistry({ port: 4369, creation: 1_000 });
  ask(registry, { type: "ALIVE2_REQ", node: node("a", 1) });
  expect(ask(registry, { type: "KILL_REQ" })).toMatchObject({ output: Buffer.from("NO"), close: true });
  expect(ask(registry, { type: "STOP_REQ", name: "a" })).toMatchObject({ output: undefined, close: true });
  expect(registry.nodes.size).toBe(1);
});
