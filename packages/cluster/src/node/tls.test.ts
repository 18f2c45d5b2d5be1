import { connect } from "node:tls";
import { genServer, local, remote, reply } from "@interlock/core";
import { expect, test } from "vitest";

import type { Credentials } from "../ports.ts";
import { Authority } from "./certificates.fixture.ts";
import { TestCluster } from "./nodes.fixture.ts";

const Echo = genServer({ name: "echo", init: () => 0, calls: { echo: (_ctx, value: string) => reply(value) } });
const echo = Echo.at(remote("echo", "b@127.0.0.1"));
const both = ["IP:127.0.0.1", "DNS:127.0.0.1"] as const;

async function pair(a: () => Credentials, b: () => Credentials) {
  const cluster = await TestCluster.make();
  const nodes = { cluster, a: await cluster.node("a", { tls: a }), b: await cluster.node("b", { tls: b }) };
  await nodes.b.run(() => Echo.named(local("echo")).start());
  return nodes;
}

test("nodes with certificates of one authority talk over TLS", async () => {
  using authority = new Authority();
  const [one, other] = [authority.issue(...both), authority.issue("DNS:127.0.0.1")];
  const { cluster, a } = await pair(
    () => one,
    () => other,
  );
  await using _ = cluster;
  expect(await a.run(() => echo.call.echo("x".repeat(200_000)))).toHaveLength(200_000);
});

test("a certificate of another authority is refused by either side, with the reason in a report", async () => {
  using authority = new Authority();
  using stranger = new Authority();
  const good = authority.issue(...both);
  const foreign = { ...stranger.issue(...both), ca: good.ca };
  const { cluster, a, b } = await pair(
    () => foreign,
    () => good,
  );
  await using _ = cluster;
  await expect(a.node.connect(b.name)).rejects.toMatchObject({ code: "INTERLOCK_CONNECT" });
  await expect(b.node.connect(a.name)).rejects.toMatchObject({
    code: "INTERLOCK_CONNECT",
    details: { problem: expect.stringMatching(/certificate|issuer/i) },
  });
  expect(b.reports).toMatchObject([{ type: "warning", text: expect.stringContaining("refused") }]);
  expect([...a.node.nodes("connected"), ...b.node.nodes("connected")]).toEqual([]);
});

test("a certificate for another host is refused: by the dialer, and by who is dialed", async () => {
  using authority = new Authority();
  const good = authority.issue(...both);
  const elsewhere = authority.issue("IP:127.0.0.9", "DNS:elsewhere");
  const { cluster, a, b } = await pair(
    () => good,
    () => elsewhere,
  );
  await using _ = cluster;
  await expect(a.node.connect(b.name)).rejects.toMatchObject({ code: "INTERLOCK_CONNECT" });
  await b.node.connect(a.name).catch(() => undefined);
  await a.run(() => undefined);
  expect(a.node.nodes("connected")).toEqual([]);
});

test("nodes that share a certificate ask for its name instead of their hosts', both who dials and who is dialed", async () => {
  using authority = new Authority();
  const shared = { ...authority.issue("DNS:shop-nodes.prod.svc"), peerName: "shop-nodes.prod.svc" };
  const { cluster, a } = await pair(
    () => shared,
    () => shared,
  );
  await using _ = cluster;
  expect(await a.run(() => echo.call.echo("hello"))).toBe("hello");
});

test("a certificate of the same authority for another name than the shared one is refused, by either side", async () => {
  using authority = new Authority();
  const peerName = "shop-nodes.prod.svc";
  const good = { ...authority.issue(`DNS:${peerName}`), peerName };
  const other = { ...authority.issue("DNS:bank-nodes.prod.svc", ...both), peerName };
  const { cluster, a, b } = await pair(
    () => good,
    () => other,
  );
  await using _ = cluster;
  await expect(a.node.connect(b.name)).rejects.toMatchObject({ code: "INTERLOCK_CONNECT" });
  await b.node.connect(a.name).catch(() => undefined);
  await a.run(() => undefined);
  expect(a.node.nodes("connected")).toEqual([]);
});

test("a peer without TLS is refused, and a node with TLS does not talk to one without", async () => {
  using authority = new Authority();
  const good = authority.issue(...both);
  await using cluster = await TestCluster.make();
  const a = await cluster.node("a", { tls: () => good });
  const b = await cluster.node("b");
  await expect(a.node.connect(b.name)).rejects.toMatchObject({ code: "INTERLOCK_CONNECT" });
  await expect(b.node.connect(a.name)).rejects.toMatchObject({ code: "INTERLOCK_CONNECT" });
});

test("a renewed certificate serves from the next connection on, without a restart", async () => {
  using first = new Authority();
  using second = new Authority();
  let credentials = first.issue(...both);
  const { cluster, a, b } = await pair(
    () => credentials,
    () => credentials,
  );
  await using _ = cluster;
  expect(await a.run(() => echo.call.echo("first"))).toBe("first");
  credentials = second.issue(...both);
  expect(await a.run(() => echo.call.echo("the connection that is open stays"))).toContain("stays");
  a.node.disconnect(b.name);
  expect(await a.run(() => echo.call.echo("second"))).toBe("second");
});

test("TLS 1.2, which Erlang's nodes have, is taken by those that allow it, and by no other", async () => {
  using authority = new Authority();
  const own = authority.issue(...both);
  await using cluster = await TestCluster.make();
  const strict = await cluster.node("a", { tls: () => own });
  const lenient = await cluster.node("b", { tls: () => ({ ...own, minVersion: "TLSv1.2" }) });
  const protocolOf = ({ node }: typeof strict, maxVersion: "TLSv1.2" | "TLSv1.3"): Promise<string | null> =>
    new Promise((resolve, reject) => {
      const socket = connect({ ...own, ...node.address, maxVersion }, () => {
        resolve(socket.getProtocol());
        socket.destroy();
      });
      socket.on("error", reject);
    });
  await expect(protocolOf(strict, "TLSv1.2")).rejects.toThrow(/version/);
  expect(await protocolOf(strict, "TLSv1.3")).toBe("TLSv1.3");
  expect(await protocolOf(lenient, "TLSv1.2")).toBe("TLSv1.2");
  expect(await protocolOf(lenient, "TLSv1.3")).toBe("TLSv1.3");
});
