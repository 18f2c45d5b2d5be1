import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LocalNode, type NodeName, nodeRuntime } from "@interlock/core";
import { expect, test } from "vitest";
import { TestCluster } from "../node/nodes.fixture.ts";
import { nodePorts } from "../ports.ts";
import type { DiscoveryContext } from "./discovery.ts";
import { localNodes } from "./local.ts";
import { staticNodes } from "./static.ts";

function context(node: NodeName, own: Partial<DiscoveryContext> = {}): DiscoveryContext {
  const epmd = { host: "127.0.0.1", port: 1 };
  const { signal } = new AbortController();
  return { node, local: new LocalNode(), ports: nodePorts, clock: nodeRuntime.clock, epmd, signal, ...own };
}

test("a machine's nodes are those that its name server knows; without a name server that is an error", async () => {
  await using nodes = await TestCluster.make();
  const epmd = { host: "127.0.0.1", port: nodes.epmdPort };
  await expect(localNodes().lookup(context("a@127.0.0.1", { epmd }))).rejects.toMatchObject({ code: "ECONNREFUSED" });
  for (const name of ["a", "b", "other"]) await nodes.node(name);
  const found = [...(await localNodes().lookup(context("a@127.0.0.1", { epmd })))];
  expect(found.toSorted()).toEqual(["a@127.0.0.1", "b@127.0.0.1", "other@127.0.0.1"]);
  const some = localNodes({ filter: (node) => !node.startsWith("other") });
  expect([...(await some.lookup(context("a@127.0.0.1", { epmd })))]).toHaveLength(2);
});

test("nodes that share a folder find each other, until one leaves or its file is stale", async () => {
  const folder = join(await mkdtemp(join(tmpdir(), "nodes-")), "made", "when needed");
  let wallMs = 1_000_000;
  const clock = { now: () => 0, wallTime: () => wallMs };
  const strategy = localNodes({ folder, staleMs: 60_000 });
  const [a, b] = [context("a@127.0.0.1", { clock }), context("b@fd00::1", { clock })];
  expect([...(await strategy.lookup(a))]).toEqual(["a@127.0.0.1"]);
  expect([...(await strategy.lookup(b))].toSorted()).toEqual(["a@127.0.0.1", "b@fd00::1"]);
  // What is no whole entry of a node: half a file of a writer that crashed, and other programs' files.
  await writeFile(join(folder, "half.node"), '{"node":"half@127');
  await writeFile(join(folder, "draft.node.tmp"), '{"node":"draft@127.0.0.1","atMs":1000000}');
  await writeFile(join(folder, "bad.node"), '{"node":"no name","atMs":1000000}');
  wallMs += 60_000;
  expect([...(await strategy.lookup(a))].toSorted()).toEqual(["a@127.0.0.1", "b@fd00::1"]);
  wallMs++; // b has not renewed its file: it has crashed.
  expect([...(await strategy.lookup(a))]).toEqual(["a@127.0.0.1"]);
  await strategy.leave?.(a);
  await strategy.leave?.(a);
  expect((await readdir(folder)).filter((name) => name.startsWith("a"))).toEqual([]);
  await rm(folder, { recursive: true });
});

test("a folder that cannot be read or written is an error", async () => {
  const parent = await mkdtemp(join(tmpdir(), "nodes-"));
  await writeFile(join(parent, "file"), "");
  const strategy = localNodes({ folder: join(parent, "file") });
  await expect(strategy.lookup(context("a@127.0.0.1"))).rejects.toThrow();
  await rm(parent, { recursive: true });
});

test("static nodes are always those that were given, and have the form of a name", async () => {
  const nodes: NodeName[] = ["a@10.0.0.1", "b@web-0.newsroom"];
  const strategy = staticNodes(nodes);
  nodes.push("c@10.0.0.3");
  expect(await strategy.lookup(context("a@10.0.0.1"))).toEqual(["a@10.0.0.1", "b@web-0.newsroom"]);
  expect(() => staticNodes(["no name" as NodeName])).toThrow(
    expect.objectContaining({ code: "INTERLOCK_NODE_OPTION" }),
  );
});
