import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { type NodeName, type Pid, remote, type Self } from "@interlock/core";
import { describe, expect, test } from "vitest";

import { startEpmd } from "../epmd/server.ts";
import { nodePorts, type Ports } from "../ports.ts";
import { muffled } from "./faulty-ports.fixture.ts";
import { NobodyListens } from "./net-kernel.ts";
import { nextEvent, TestCluster, type TestNode } from "./nodes.fixture.ts";
import { Echo, Hang, Where } from "./servers.fixture.ts";

test("a peer that falls silent is gone after the tick time, and one that has nothing to say is not", async () => {
  await using cluster = await TestCluster.make();
  const tickMs = 1_000;
  const silent = muffled();
  const a = await cluster.node("a", { tickMs });
  const quiet = await cluster.node("quiet", { tickMs });
  const hole = await cluster.node("hole", { tickMs, ports: silent.ports });
  await Promise.all([a.node.connect(quiet.name), a.node.connect(hole.name)]);
  const down = nextEvent(a, "nodedown");
  silent.mute();
  expect(await down).toMatchObject({ node: hole.name, reason: "net_tick_timeout" });
  expect(a.node.nodes("connected")).toEqual([quiet.name]);
});

test("garbage, half a handshake and a closed connection are refused with a report, and harm nobody", async () => {
  await using cluster = await TestCluster.make();
  const a = await cluster.node("a", { handshakeMs: 50 });
  const b = await cluster.node("b");
  await b.node.connect(a.name);
  const { host, port } = a.node.address;
  const reported = (count: number): Promise<void> =>
    new Promise((resolve) => {
      const { onReport } = a.local;
      a.local.onReport = (report) => {
        onReport(report);
        if (a.reports.length >= count) resolve();
      };
    });
  const all = reported(4);
  for (const bytes of [
    Buffer.from("GET / HTTP/1.1\r\n\r\n"),
    Buffer.from([0, 3, 0x4e, 0, 0]),
    Buffer.alloc(100_000, 0xff),
    Buffer.from([0, 200, 0x4e]), // And then nothing.
  ]) {
    const socket = connectSocket({ host, port });
    socket.on("error", () => undefined);
    await once(socket, "connect");
    socket.write(bytes);
  }
  await all;
  expect(a.reports.map(({ type }) => type)).toEqual(["warning", "warning", "warning", "warning"]);
  expect(a.node.nodes("connected")).toEqual([b.name]);
  const c = await cluster.node("c");
  await c.node.connect(a.name);
});

test("a lookup that never answers, and heeds no signal, costs a connection no more than its time", async () => {
  await using cluster = await TestCluster.make();
  const a = await cluster.node("a", { handshakeMs: 50, lookup: () => new Promise(() => undefined) });
  await expect(a.node.connect("b@127.0.0.1")).rejects.toThrow("no connection within 50 ms");
  expect(a.node.nodes("connected")).toEqual([]);
});

test("only a refusal at a node's own address says that nobody listens there, not one of whoever looks it up", async () => {
  await using cluster = await TestCluster.make();
  const gone = await cluster.node("gone");
  const { address } = gone.node;
  await gone.node.stop();
  const nameServerGone = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
  const a = await cluster.node("a", { lookup: async () => address });
  const b = await cluster.node("b", { lookup: () => Promise.reject(nameServerGone) });
  const problem = ({ node }: TestNode): Promise<unknown> => node.connect(gone.name).catch(({ cause }: Error) => cause);
  expect(await problem(a)).toBeInstanceOf(NobodyListens);
  expect(await problem(b)).toBe(nameServerGone);
});

test("when the node that hosts the name server ends, another one hosts it and all register again", async () => {
  await using cluster = await TestCluster.make();
  const a = await cluster.node("a");
  const b = await cluster.node("b");
  const c = await cluster.node("c");
  await a.node.stop();
  await expect
    .poll(async () => {
      await b.node.connect(c.name);
      return b.node.nodes("connected");
    })
    .toEqual([c.name]);
  const d = await cluster.node("d");
  await d.node.connect(b.name);
  expect(d.node.nodes("connected")).toEqual([b.name]);
});

test("a node that stops while it registers again leaves neither an entry nor a name server behind", async () => {
  await using cluster = await TestCluster.make();
  const epmd = await startEpmd(nodePorts, { host: "127.0.0.1", port: cluster.epmdPort });
  const dials: PromiseWithResolvers<void>[] = [];
  const open = new Set<object>();
  const ports: Ports = {
    ...nodePorts,
    dial: async (...args) => {
      const gate = Promise.withResolvers<void>();
      dials.push(gate);
      await gate.promise;
      const socket = await nodePorts.dial(...args);
      open.add(socket);
      const destroy = socket.destroy.bind(socket);
      socket.destroy = () => {
        open.delete(socket);
        destroy();
      };
      return socket;
    },
  };
  const starting = cluster.node("a", { ports });
  await expect.poll(() => dials.length).toBe(1);
  dials[0]?.resolve();
  const { node } = await starting;
  await epmd.close();
  await expect.poll(() => dials.length).toBe(2);
  open.clear();
  const stopped = node.stop();
  for (const gate of dials) gate.resolve();
  await stopped;
  await expect.poll(() => dials.length).toBe(2);
  expect(open.size).toBe(0);
  const free = await nodePorts.listen({ host: "127.0.0.1", port: cluster.epmdPort }, (socket) => socket.destroy());
  await free.close();
});

test("a node whose name server is gone, with somebody else in its place, says so once and registers when that has gone", async () => {
  await using cluster = await TestCluster.make();
  const at = { host: "127.0.0.1", port: cluster.epmdPort };
  const epmd = await startEpmd(nodePorts, at);
  const { node, reports } = await cluster.node("a");
  await epmd.close();
  let refused = 0;
  const stranger = await nodePorts.listen(at, (socket) => {
    refused += 1;
    socket.destroy();
  });
  await expect.poll(() => refused, { timeout: 10_000 }).toBeGreaterThan(3);
  await stranger.close();
  const b = await cluster.node("b");
  await expect
    .poll(
      () =>
        b.node.connect(node.name).then(
          () => b.node.nodes("connected"),
          () => [],
        ),
      { timeout: 10_000 },
    )
    .toEqual([node.name]);
  expect(reports.map((report) => report.type === "warning" && report.text)).toEqual([
    "is not registered with the name server any more",
  ]);
});

describe("a node in a program of its own", () => {
  test("that is killed with SIGKILL is gone at once: links, monitors and calls hear noconnection", async () => {
    await using cluster = await TestCluster.make();
    const a = await cluster.node("a");
    const program = new URL("node-program.fixture.ts", import.meta.url).pathname;
    const args = ["--conditions=@interlock/source", program, "far@127.0.0.1", String(cluster.epmdPort)];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    const far: NodeName = "far@127.0.0.1";
    const down = nextEvent(a, "nodedown");
    await a.run(async (self: Self<unknown>) => {
      const server = Echo.at(remote("echo", far));
      expect(await server.call.echo("here")).toBe("here");
      const exits = self.trapExit();
      const monitor = self.monitor(remote("echo", far));
      self.link((await Where.at(remote("where", far)).call.pid()) as Pid);
      const waiting = Hang.at(remote("hang", far)).call.hang();
      await server.call.echo("all of it has arrived");
      child.kill("SIGKILL");
      await expect(waiting).rejects.toMatchObject({ code: "INTERLOCK_NOCONNECTION" });
      expect((await self.receive(monitor.down)).reason).toBe("noconnection");
      expect((await self.receive(exits)).reason).toBe("noconnection");
    });
    expect(await down).toMatchObject({ node: far });
  });
});
