import { mkdtemp, rm, stat } from "node:fs/promises";
import { connect as connectTo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { type ClusterNode, type CreateNodeOptions, createNode, offerInspection } from "@interlock/cluster";
import { genServer, LocalNode, local, reply, supervisor } from "@interlock/core";
import { spawnProcess } from "@interlock/core/distribution";
import { kubernetesApi } from "@interlock/kubernetes";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { issueCertificate, makeAuthority } from "../identity/certificates.ts";
import { kindsIn } from "../kinds.ts";
import { launchers } from "../platform/launcher-file.ts";
import { localPlatform } from "../platform/local-platform.ts";
import { Page, until } from "../platform/waiting.fixture.ts";
import { TestTerminal } from "./commands.fixture.ts";
import { crashes } from "./crashes.ts";
import { deployed, kinds } from "./deployed.fixture.ts";
import { exitCodeOf } from "./exit-code.ts";
import { nodes } from "./nodes.ts";
import { ps } from "./ps.ts";
import { remote } from "./remote.ts";
import { tree } from "./tree.ts";

let folder: string;
const before = process.env["XDG_STATE_HOME"];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "interlock-asking-"));
  process.env["XDG_STATE_HOME"] = folder;
});
afterEach(async () => {
  if (before === undefined) delete process.env["XDG_STATE_HOME"];
  else process.env["XDG_STATE_HOME"] = before;
  await rm(folder, { recursive: true });
});

const file = "interlock.yaml";
const bank = { file, app: "bank", namespace: "shop" } as const;
const rows = { sort: "age", limit: "100" } as const;

const Teller = genServer({
  name: "teller",
  init: () => 0,
  calls: { add: (_context, a: number, b: number) => reply(a + b) },
  casts: {
    stumble: () => {
      throw new Error("over the carpet");
    },
  },
});
const hall = supervisor({
  name: "hall",
  strategy: "one_for_one",
  children: () => [Teller.child([], { name: local("teller") })],
});

/** A pod's node, here; its processes are of its own. */
class Pod implements AsyncDisposable {
  readonly local = new LocalNode();
  #node: ClusterNode | undefined;

  async start(address: string, tls?: CreateNodeOptions["tls"]): Promise<this> {
    offerInspection(this.local);
    this.local.onReport = () => undefined;
    const lookup = (): Promise<never> => Promise.reject(new Error("it dials nobody"));
    this.#node = await createNode({
      name: `bank@${address}`,
      cookie: "a secret",
      local: this.local,
      lookup,
      ...(tls && { tls }),
    });
    await this.run(() => hall.start());
    return this;
  }

  get port(): number {
    return this.#node?.address.port ?? 0;
  }

  run<T>(body: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const process = (): Promise<void> => body().then(resolve, reject);
    spawnProcess(this.local, process, undefined, false, undefined);
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#node?.stop();
  }
}

/** Two pods, each with a node behind its port. */
async function onKubernetes(tls?: CreateNodeOptions["tls"]) {
  const given = new TestTerminal();
  const stack = new AsyncDisposableStack();
  const addresses = { "bank-a": "10.0.0.1", "bank-b": "10.0.0.2" } as const;
  await deployed(given.server, {
    "bank-a": { hash: "hash2", version: "1.1.0" },
    "bank-b": { hash: "hash2", version: "1.1.0", ready: false },
  });
  const api = kubernetesApi({ transport: given.server.unfailing });
  const pods = new Map<string, Pod>();
  for (const [pod, podIP] of Object.entries(addresses)) {
    pods.set(pod, stack.use(await new Pod().start(podIP, tls)));
    await api.patch(kinds.pods, pod, { metadata: { labels: { "interlock.dev/cluster": "bank" } }, status: { podIP } });
  }
  const { secrets } = kindsIn("shop");
  const data = { cookie: Buffer.from("a secret\nthe one before\n").toString("base64") };
  await api.create(secrets, { metadata: { name: "bank-cookie", namespace: "shop" }, data });
  const forwarded: string[] = [];
  given.forward = async ({ namespace, pod, port }) => {
    forwarded.push(`${namespace}/${pod}:${port}`);
    return connectTo(pods.get(pod)?.port ?? 0, "127.0.0.1");
  };
  return { given, api, pods, forwarded, secrets, stack };
}

describe("the nodes on Kubernetes", () => {
  test("are asked through the API server, with the cookie of the Secret", async () => {
    const { forwarded, given, stack } = await onKubernetes();
    await using _ = stack;
    expect(await nodes({ ...bank, output: "json" }, given)).toBe(0);
    expect(JSON.parse(given.out.text)).toMatchObject([
      { node: "bank-a", name: "bank@10.0.0.1", osPid: process.pid },
      { node: "bank-b", name: "bank@10.0.0.2", applications: [] },
    ]);
    expect(forwarded.sort()).toEqual(["shop/bank-a:9100", "shop/bank-b:9100"]);
    given.out.text = "";
    expect(await nodes(bank, given)).toBe(0);
    expect(given.out.text.split("\n").map((row) => row.split(/ +/).slice(0, 3))).toMatchObject([
      ["NODE", "STATE", "VERSION"],
      ["bank-a", "ready", "0"],
      ["bank-b", "not", "ready"],
      [""],
    ]);
    expect(given.talk.text).toContain("bank in shop");
    expect(given.out.text + given.talk.text).not.toContain("a secret");
  });

  test("one that cannot be reached is named with the reason; the others answer, and the exit code is 3", async () => {
    const { given, stack } = await onKubernetes();
    await using _ = stack;
    const { forward } = given;
    given.forward = (to, signal) =>
      to.pod === "bank-b" ? Promise.reject(new Error("you may not create pods/portforward")) : forward(to, signal);
    expect(await ps(undefined, { ...bank, ...rows, output: "yaml" }, given)).toBe(3);
    expect(parse(given.out.text)).toMatchObject([
      { node: "bank-a", processes: expect.arrayContaining([expect.objectContaining({ name: "teller" })]) },
      { node: "bank-b", problem: expect.stringContaining("you may not create pods/portforward") },
    ]);
  });

  test("one whose port takes no connections is named with what the machine said of it", async () => {
    const { given, stack } = await onKubernetes();
    await using _ = stack;
    const { forward } = given;
    given.forward = async (to, signal) => {
      if (to.pod !== "bank-b") return forward(to, signal);
      const there = new PassThrough();
      there.on("error", () => undefined).destroy(new Error("connection refused in the pod"));
      return there;
    };
    expect(await nodes({ ...bank, output: "json" }, given)).toBe(3);
    expect(JSON.parse(given.out.text)[1]).toEqual({
      node: "bank-b",
      name: "bank@10.0.0.2",
      problem: "connection refused in the pod",
    });
  });

  test("show their trees and what has failed on them, of one node when it is named", async () => {
    const { given, pods, stack } = await onKubernetes();
    await using _ = stack;
    expect(await tree("10.0.0.1", bank, given)).toBe(0);
    expect(given.out.text).toMatch(/^bank-a\n└─ hall {2}<[\d.]+> {2}waiting\n {3}└─ teller {2}<[\d.]+> {2}waiting\n$/);
    given.out.text = "";
    await pods.get("bank-a")?.run(async () => Teller.at(local("teller")).cast.stumble());
    await expect
      .poll(async () => {
        given.out.text = "";
        await crashes("bank-a", bank, given);
        return given.out.text;
      })
      .toMatch(/✖ bank-a {2}\d+ s ago {2}teller <[\d.]+> crashed: Error: over the carpet\n/);
    await crashes("bank-a", { ...bank, full: true }, given);
    expect(given.out.text).toContain("asking.test.ts");
  });

  test("are asked over TLS where they talk over it, with the certificate that they share", async () => {
    const authority = await makeAuthority("bank", Date.now());
    const peerName = "bank-nodes.shop.svc.cluster.local";
    const { cert, key } = await issueCertificate(authority, [peerName], Date.now());
    const ca = authority.cert;
    const { api, given, secrets, stack } = await onKubernetes(() => ({ ca, cert, key, peerName }));
    await using _ = stack;
    expect(await nodes(bank, given)).toBe(3);
    const env = [{ name: "INTERLOCK_TLS_DIR", value: "/etc/interlock/tls" }];
    const containers = [{ name: "bank", image: "registry/bank:1.1.0", env }];
    await api.patch(kinds.deployments, "bank", { spec: { template: { spec: { containers } } } });
    const base64 = (text: string): string => Buffer.from(text).toString("base64");
    const data = { "ca.crt": base64(ca), "tls.crt": base64(cert), "tls.key": base64(key) };
    await api.create(secrets, { metadata: { name: "bank-tls", namespace: "shop" }, data });
    expect(await nodes(bank, given)).toBe(0);
  });

  test("one that there is not ends as not found, with those that there are", async () => {
    const { given, stack } = await onKubernetes();
    await using _ = stack;
    const refused = tree("bank-c", bank, given);
    await expect(refused).rejects.toThrow("There is no node bank-c of bank in shop: there are bank-a, bank-b");
    expect(await refused.catch(exitCodeOf)).toBe(5);
  });

  test("without the Secret of their cookie it says which one is missing", async () => {
    const { api, given, secrets, stack } = await onKubernetes();
    await using _ = stack;
    await api.delete(secrets, "bank-cookie");
    await expect(nodes(bank, given)).rejects.toMatchObject({
      code: "INTERLOCK_KUBERNETES_NOT_FOUND",
      details: { name: "bank-cookie" },
    });
  });
});

describe("interlock remote", () => {
  test("evaluates here what is typed, with what the node answers; its servers are called with --write alone", async () => {
    const { given, stack } = await onKubernetes();
    await using _ = stack;
    const typed = ["1 + 1", "const n = facts()", "n.name", "ps('age', 1)", "call('teller', 'add', 2, 3)", "nope", ""];
    await remote("bank-a", { ...bank, input: Readable.from([typed.join("\n")]) }, given);
    expect(given.out.text).toMatch(/^2\n'bank@10\.0\.0\.1'\nNODE[\s\S]*bank-a: \d+ more of \d+\n$/);
    expect(given.talk.text).toContain("INTERLOCK_READ_ONLY");
    expect(given.talk.text).toContain("✖ ReferenceError: nope is not defined");
    given.out.text = "";
    await remote("bank-a", { ...bank, write: true, input: Readable.from([typed[4] ?? ""]) }, given);
    expect(given.out.text).toBe("5\n");
  });
});

describe("the nodes of a launcher on this machine", () => {
  const entry = new URL("../platform/node-program.fixture.ts", import.meta.url);

  test("are found without being told where they are, by who started them alone; with the launcher the way to them goes", async () => {
    await using platform = await localPlatform({ stdout: new Page(), stderr: new Page() });
    await platform.start({ app: "bank", entry, nodes: 2, env: { MODE: "cluster" } });
    await until(platform, (all) => all.every(({ state }) => state === "ready"));
    const { mode } = await stat(join(folder, "interlock", "launchers", `${process.pid}.json`));
    expect(mode & 0o777).toBe(0o600);
    const given = new TestTerminal();
    expect(await nodes({ file, app: "bank", output: "json" }, given)).toBe(0);
    expect(JSON.parse(given.out.text)).toMatchObject(
      platform.nodes().map(({ id, name, pid }) => ({ node: id, name, osPid: pid })),
    );
    given.out.text = "";
    expect(await ps("bank-2", { file, local: true, ...rows }, given)).toBe(0);
    expect(given.out.text).toMatch(/bank-2 +<0\.\d+\.0> +net_kernel/);
    await platform.close();
    expect(await launchers()).toEqual([]);
    const none = nodes({ file, app: "bank", local: true }, given);
    await expect(none).rejects.toMatchObject({ code: "INTERLOCK_NO_SUCH_CLUSTER" });
    expect(await none.catch(exitCodeOf)).toBe(5);
  });
});
