/** Nodes as pods have them: one name, an address each, found by the DNS records of a headless Service. */
import type { NodeName } from "@interlock/core";
import { expect, test } from "vitest";
import { type DnsAnswer, DnsServer } from "../discovery/dns.fixture.ts";
import { headlessService } from "../discovery/headless-service.ts";
import { TestCluster } from "../node/nodes.fixture.ts";
import { until } from "../node/until.fixture.ts";
import { dnsResolver } from "../ports.ts";
import { type Cluster, joinCluster } from "./cluster.ts";

const SERVICE = "newsroom.default.svc.cluster.local";

function failures(clusters: readonly Cluster[]): readonly number[] {
  return clusters.map((cluster) => cluster.discovery()[0]?.failuresTotal ?? 0);
}

test("pods form a cluster once DNS knows them; what DNS says later, or fails to, loses none of them", async () => {
  await using nodes = await TestCluster.make();
  await using dns = await DnsServer.start();
  const say = (answer: DnsAnswer): void => void dns.answers.set(`A ${SERVICE}`, answer);
  const recordsOf = (ips: readonly string[]): DnsAnswer => ({
    records: ips.map((address) => ({ type: "A", address }) as const),
  });
  const pod = async (ip: string): Promise<Cluster> => {
    const name: NodeName = `newsroom@${ip}`;
    const at = { host: ip, port: nodes.epmdPort };
    const { node } = await nodes.node(ip, { name, listen: { host: ip }, epmd: at });
    const resolver = dnsResolver({ servers: [dns.address], timeoutMs: 50, tries: 1 });
    const discovery = [headlessService({ name: SERVICE, resolver })];
    return joinCluster(node, { discovery, requiredContactPoints: 2, stableMarginMs: 60, intervalMs: 10 });
  };
  const ips = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];

  say("SERVFAIL");
  const pods = await Promise.all(ips.map(pod));
  await until(() => failures(pods).every((count) => count > 2));
  expect(pods.map((one) => one.waitingFor())).toEqual(ips.map(() => "discovery fails"));
  say("NXDOMAIN"); // No pod is ready: a legitimate empty set, of which nothing comes.
  await until(() =>
    pods.every((one) => one.waitingFor()?.startsWith("discovery does not find this node itself") === true),
  );
  say(recordsOf(ips));
  await Promise.all(pods.map((one) => one.joined()));
  const allIn = (all: readonly Cluster[]): boolean =>
    all.every((one) => one.members().length === all.length && one.agreement().agreed);
  await until(() => allIn(pods));
  expect(new Set(pods.map((one) => one.view().cluster)).size).toBe(1);

  const changes: string[] = [];
  for (const one of pods) one.watch(({ member }) => changes.push(`${member.node} ${member.state}`));
  for (const answer of ["SERVFAIL", "silence", "REFUSED"] as const) {
    const before = failures(pods);
    say(answer);
    await until(() => failures(pods).every((count, at) => count > (before[at] ?? 0) + 1));
  }
  say("NXDOMAIN");
  await until(() => pods.every((one) => one.discovery()[0]?.nodes?.length === 0));
  expect(changes).toEqual([]);
  expect(allIn(pods)).toBe(true);

  say(recordsOf([...ips, "127.0.0.4"]));
  const fourth = await pod("127.0.0.4");
  await fourth.joined();
  await until(() => allIn([...pods, fourth]));
  await Promise.all([...pods, fourth].map((one) => one.leave())); // All at once: none waits for another in vain.
});
