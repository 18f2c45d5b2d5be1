import { LocalNode, nodeRuntime } from "@interlock/core";
import { describe, expect, test } from "vitest";
import { dnsResolver, nodePorts } from "../ports.ts";
import type { DiscoveryContext } from "./discovery.ts";
import { type DnsAnswer, type DnsRecord, DnsServer } from "./dns.fixture.ts";
import { type HeadlessServiceOptions, headlessService } from "./headless-service.ts";

const NAME = "newsroom.default.svc.cluster.local";

function context(own: Partial<DiscoveryContext> = {}): DiscoveryContext {
  return {
    node: "newsroom@10.0.0.1",
    local: new LocalNode(),
    ports: nodePorts,
    clock: nodeRuntime.clock,
    epmd: { host: "127.0.0.1", port: 1 },
    signal: new AbortController().signal,
    ...own,
  };
}

async function found(
  dns: DnsServer,
  options: Partial<HeadlessServiceOptions> = {},
  own: Partial<DiscoveryContext> = {},
): Promise<readonly string[]> {
  const resolver = dnsResolver({ servers: [dns.address], timeoutMs: 100, tries: 1 });
  return [...(await headlessService({ name: NAME, resolver, ...options }).lookup(context(own)))];
}

function a(...last: readonly number[]): readonly DnsRecord[] {
  return last.map((one): DnsRecord => ({ type: "A", address: `10.0.0.${one}` }));
}

describe("a headless Service by its addresses", () => {
  test("is a node of this one's name at each of its A records; nodes of IPv6 are found by AAAA alone", async () => {
    await using dns = await DnsServer.start();
    dns.answers.set(`A ${NAME}`, { records: a(1, 2, 3) });
    dns.answers.set(`AAAA ${NAME}`, { records: [{ type: "AAAA", address: "fd00::a:1" }] });
    expect((await found(dns)).toSorted()).toEqual(["newsroom@10.0.0.1", "newsroom@10.0.0.2", "newsroom@10.0.0.3"]);
    expect(await found(dns, { app: "wire" }, { node: "newsroom@fd00::a:9" })).toEqual(["wire@fd00::a:1"]);
    expect(await found(dns, { family: 6 })).toEqual(["newsroom@fd00::a:1"]);
    expect(dns.asked).toEqual([`A ${NAME}`, `AAAA ${NAME}`, `AAAA ${NAME}`]);
  });

  test("is empty when it has no records, or no name: unless that is to be an error", async () => {
    await using dns = await DnsServer.start();
    dns.answers.set(`A ${NAME}`, { records: [] });
    expect(await found(dns)).toEqual([]);
    expect(await found(dns, { absent: "error" })).toEqual([]);
    dns.answers.set(`A ${NAME}`, "NXDOMAIN");
    expect(await found(dns)).toEqual([]);
    await expect(found(dns, { absent: "error" })).rejects.toMatchObject({ code: "ENOTFOUND" });
  });

  test.each<readonly [string, DnsAnswer]>([
    ["ESERVFAIL", "SERVFAIL"],
    ["EREFUSED", "REFUSED"],
    ["ETIMEOUT", "silence"],
    ["EBADRESP", "garbage"],
  ])("is not known, and never empty: %s", async (code, answer) => {
    await using dns = await DnsServer.start();
    dns.answers.set(`A ${NAME}`, answer);
    await expect(found(dns)).rejects.toMatchObject({ code });
  });

  test("is known whole or not at all when the answer does not fit: asked again over TCP", async () => {
    await using dns = await DnsServer.start();
    const records = a(...Array.from({ length: 200 }, (_, at) => at));
    dns.answers.set(`A ${NAME}`, { records, cut: "tcp" });
    expect(await found(dns)).toHaveLength(200);
    dns.answers.set(`A ${NAME}`, { records, cut: "no tcp" });
    await expect(found(dns)).rejects.toMatchObject({ code: expect.stringMatching(/^E/) });
  });

  test("is not waited for longer than its reader wants", async () => {
    await using dns = await DnsServer.start();
    dns.answers.set(`A ${NAME}`, "silence");
    const resolver = dnsResolver({ servers: [dns.address], timeoutMs: 3_600_000 });
    const limit = new AbortController();
    const looking = found(dns, { resolver }, { signal: limit.signal });
    while (dns.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
    limit.abort(new Error("enough"));
    await expect(looking).rejects.toMatchObject({ code: "ECANCELLED" });
    await expect(found(dns, { resolver }, { signal: limit.signal })).rejects.toThrow("enough");
  });
});

describe("a headless Service by its SRV records", () => {
  const SRV = `_dist._tcp.${NAME}`;
  const target = (pod: number): string => `web-${pod}.${NAME}`;
  const services: readonly DnsRecord[] = [0, 1].map((pod) => ({ type: "SRV", target: target(pod), port: 9_100 }));

  test("is a node at each address of their targets; a target that has gone meanwhile has none", async () => {
    await using dns = await DnsServer.start();
    dns.answers.set(`SRV ${SRV}`, { records: services });
    dns.answers.set(`A ${target(0)}`, { records: a(7) });
    expect(await found(dns, { srv: "_dist._tcp" })).toEqual(["newsroom@10.0.0.7"]);
    dns.answers.set(`A ${target(1)}`, "SERVFAIL");
    await expect(found(dns, { srv: "_dist._tcp" })).rejects.toMatchObject({ code: "ESERVFAIL" });
  });

  test("is a node of each target's name, if nodes are named so", async () => {
    await using dns = await DnsServer.start();
    dns.answers.set(`SRV ${SRV}`, { records: [...services, ...services] });
    expect(await found(dns, { srv: "_dist._tcp", by: "hostname" })).toEqual([
      `newsroom@${target(0)}`,
      `newsroom@${target(1)}`,
    ]);
    dns.answers.set(`SRV ${SRV}`, "REFUSED");
    await expect(found(dns, { srv: "_dist._tcp", by: "hostname" })).rejects.toMatchObject({ code: "EREFUSED" });
  });
});

test("what cannot be the name of a Service is refused before it is asked for", () => {
  const bad = expect.objectContaining({ code: "INTERLOCK_NODE_OPTION" });
  expect(() => headlessService({ name: "not a name" })).toThrow(bad);
  expect(() => headlessService({ name: NAME, by: "hostname" })).toThrow(bad);
});
