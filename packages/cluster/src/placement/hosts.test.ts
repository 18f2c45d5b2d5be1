import type { NodeName } from "@interlock/core";
import { describe, expect, test } from "vitest";
import { compareVersions, Hosts } from "./hosts.ts";
import type { HostInfo } from "./messages.ts";

function info(node: string, of: Partial<HostInfo> = {}): HostInfo {
  return { node: `${node}@x` as NodeName, hosts: true, leaving: false, ready: true, version: "1", ...of };
}

function hostsOf(self: string, infos: Readonly<Record<string, Partial<HostInfo>>>): Hosts<string> {
  const hosts = new Hosts<string>("rooms", self, info(self, infos[self]));
  for (const [name, of] of Object.entries(infos)) if (name !== self) hosts.add(name, info(name, of));
  return hosts;
}

const keys = Array.from({ length: 200 }, (_, at) => `key ${at}`);

describe("hosts", () => {
  test("that know the same hosts agree on the owner of each key, and each host owns some", () => {
    const all = { a: {}, b: {}, c: {} };
    const owners = keys.map((key) => hostsOf("a", all).owner(key));
    expect(keys.map((key) => hostsOf("c", all).owner(key))).toEqual(owners);
    expect(new Set(owners).size).toBe(3);
  });

  test("own nothing while they leave, or when they do not host; one that is not ready yet owns its keys", () => {
    const hosts = hostsOf("a", { a: { leaving: true }, b: { hosts: false }, c: { ready: false } });
    expect(new Set(keys.map((key) => hosts.owner(key)))).toEqual(new Set(["c"]));
    expect(hosts.heirs("key", new Set())).toEqual([]);
    expect(hosts.someWillBeReady).toBe(true);
  });

  test("of the newest release are heirs first, and among them as the owner is found; those that were tried are not", () => {
    const hosts = hostsOf("a", { a: {}, b: { version: "1.9" }, c: { version: "1.10" }, d: { version: "1.10" } });
    for (const key of keys) {
      const [first, second, third] = hosts.heirs(key, new Set());
      expect(new Set([first, second])).toEqual(new Set(["c", "d"]));
      expect(third).toBe("b");
      const others = hostsOf("x", { x: { hosts: false }, c: {}, d: {} });
      expect(first).toBe(others.owner(key));
      expect(hosts.heirs(key, new Set([first as string]))).toEqual([second, "b"]);
    }
  });

  test("that both hold a key agree which of them stays, whoever else is there", () => {
    for (const key of keys) {
      const here = hostsOf("a", { a: {}, b: {}, c: {} }).staysAgainst("a", "b", key);
      const there = hostsOf("b", { a: {}, b: {}, d: {} }).staysAgainst("b", "a", key);
      expect(here).toBe(!there);
    }
  });
});

describe("versions", () => {
  test("are compared by their numbers, and as text where they have none", () => {
    const sorted = ["", "0", "1", "1.2", "1.10", "1.10.1", "2", "10", "10.beta"];
    expect(sorted.toReversed().sort(compareVersions)).toEqual(sorted);
    expect(compareVersions("1.2", "1.2")).toBe(0);
  });
});
