import { connect } from "node:tls";
import { type CreateNodeOptions, onNode, remoteFunctions } from "@interlock/cluster";
import { afterAll, beforeAll, expect, test } from "vitest";

import { Authority } from "../packages/cluster/src/node/certificates.fixture.ts";
import { nextEvent, TestCluster, type TestNode } from "./support/nodes.ts";

type Tls = NonNullable<CreateNodeOptions["tls"]>;

const Echo = remoteFunctions({ name: "conformance_over_tls", functions: { echo: (value: unknown) => value } });

let authority: Authority;
let stranger: Authority;
beforeAll(() => {
  authority = new Authority();
  stranger = new Authority();
});
afterAll(() => {
  authority[Symbol.dispose]();
  stranger[Symbol.dispose]();
});

const HERE = ["IP:127.0.0.1", "DNS:127.0.0.1"] as const;

async function pair(first: Tls, second: Tls) {
  const cluster = await TestCluster.make();
  return { cluster, a: await cluster.node("a", { tls: first }), b: await cluster.node("b", { tls: second }) };
}

test("ssl_dist:basic: nodes with certificates of one authority connect over TLS, and one without does not", async () => {
  const [one, other] = [authority.issue(...HERE), authority.issue(...HERE)];
  const { a, b, cluster } = await pair(
    () => one,
    () => other,
  );
  await using _ = cluster;
  const up = nextEvent(b, "nodeup");
  await a.node.connect(b.name);
  expect(await up).toMatchObject({ node: a.name });
  expect(await a.run(() => onNode(b.name, Echo).echo("hello"))).toBe("hello");
  const plain = await cluster.node("plain");
  await expect(plain.node.connect(a.name)).rejects.toMatchObject({ code: "INTERLOCK_CONNECT" });
  await expect(a.node.connect(plain.name)).rejects.toMatchObject({ code: "INTERLOCK_CONNECT" });
  expect(a.node.nodes("connected")).toEqual([b.name]);
});

test("ssl_dist:payload: large messages go over TLS both ways, and many small ones in order", async () => {
  const own = authority.issue(...HERE);
  const { a, b, cluster } = await pair(
    () => own,
    () => own,
  );
  await using _ = cluster;
  const bytes = Buffer.alloc(8_000_000).map((_value, at) => at * 31);
  await a.run(async () => {
    const echo = onNode(b.name, Echo, { timeoutMs: 60_000 });
    const back = (await echo.echo(new Uint8Array(bytes))) as Uint8Array;
    expect(Buffer.compare(back, bytes)).toBe(0);
    const numbers = Array.from({ length: 2_000 }, (_, number) => number);
    expect(await Promise.all(numbers.map((number) => echo.echo(number)))).toEqual(numbers);
  });
});

test("ssl_dist:verify_fun_fail: a certificate that does not verify is refused, by who dials and by who is dialed", async () => {
  const good = authority.issue(...HERE);
  const bad = [
    { ...stranger.issue(...HERE), ca: good.ca },
    // Of the same authority, for another host.
    authority.issue("IP:127.0.0.9", "DNS:elsewhere"),
  ];
  for (const credentials of bad) {
    const { a, b, cluster } = await pair(
      () => good,
      () => credentials,
    );
    await using _ = cluster;
    const ups: unknown[] = [];
    a.node.watchNodes((event) => ups.push(event));
    await expect(a.node.connect(b.name)).rejects.toMatchObject({
      code: "INTERLOCK_CONNECT",
      details: { problem: expect.stringMatching(/certificate|issuer/i) },
    });
    const refused = new Promise<void>((resolve) => {
      a.local.onReport = ({ type }) => type === "warning" && resolve();
    });
    // Of its own certificate it hears at the end of the handshake, or by the end of the connection.
    await b.node.connect(a.name).catch(() => undefined);
    await refused;
    expect([a.node.nodes("connected"), ups]).toEqual([[], []]);
  }
});

test("ssl_dist:plain_verify_options: both sides must show a certificate, over TLS 1.3 unless they say otherwise", async () => {
  const own = authority.issue(...HERE);
  await using cluster = await TestCluster.make();
  const strict = await cluster.node("strict", { tls: () => own });
  const lenient = await cluster.node("lenient", { tls: () => ({ ...own, minVersion: "TLSv1.2" }) });
  interface Client {
    readonly ca: string;
    readonly key?: string;
    readonly cert?: string;
    readonly maxVersion?: "TLSv1.2";
  }
  /** Resolves when the node has taken the connection, and so waits for what is said; rejects when it has not. */
  const taken = ({ node }: TestNode, client: Client): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = connect({ ...client, ...node.address }, () => socket.write("no handshake of nodes"));
      socket.on("error", reject);
      socket.on("close", () => resolve());
    });
  const { ca, cert, key } = own;
  await expect(taken(strict, { ca })).rejects.toThrow(/certificate required/);
  await expect(taken(strict, { ca, cert, key, maxVersion: "TLSv1.2" })).rejects.toThrow(/version/);
  await expect(taken(lenient, { ca, maxVersion: "TLSv1.2" })).rejects.toThrow(/handshake failure|certificate/);
  await taken(lenient, { ca, cert, key, maxVersion: "TLSv1.2" });
  await taken(strict, { ca, cert, key });
  // What was taken was refused by the handshake of nodes.
  expect(lenient.reports.filter(({ type }) => type === "warning")).toHaveLength(2);
  await strict.node.connect(lenient.name);
  expect(strict.node.nodes("connected")).toEqual([lenient.name]);
});
