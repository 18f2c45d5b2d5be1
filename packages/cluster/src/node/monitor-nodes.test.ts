import { genServer, noreply, reply, type Self, type SystemMessage } from "@interlock/core";
import { expect, test } from "vitest";

import { monitorNodes } from "./monitor-nodes.ts";
import { TestCluster } from "./nodes.fixture.ts";

const Watcher = genServer({
  name: "watcher",
  init: (): readonly string[] => {
    monitorNodes();
    monitorNodes();
    return [];
  },
  calls: { seen: ({ state }) => reply(state) },
  casts: {
    stop() {
      monitorNodes(false);
      return noreply();
    },
  },
  info: ({ state }, message: SystemMessage) =>
    message.type === "nodeup" || message.type === "nodedown"
      ? noreply([...state, `${message.type} ${message.node}`])
      : noreply(),
});

test("a plain process takes nodeup and nodedown by the matcher, and they are no messages of its own", async () => {
  await using cluster = await TestCluster.make();
  const a = await cluster.node("a");
  const b = await cluster.node("b");
  await a.run(async (self: Self<never>) => {
    const nodes = monitorNodes();
    await a.node.connect(b.name);
    expect(await self.receive(nodes)).toEqual({ type: "nodeup", node: b.name });
    a.node.disconnect(b.name);
    expect(await self.receive(nodes)).toEqual({ type: "nodedown", node: b.name });
  });
});

test("a server gets them once in info however often it asked, and none after it has had enough", async () => {
  await using cluster = await TestCluster.make();
  const a = await cluster.node("a");
  const b = await cluster.node("b");
  await a.run(async () => {
    const watcher = await Watcher.start();
    await a.node.connect(b.name);
    expect(await watcher.call.seen()).toEqual([`nodeup ${b.name}`]);
    watcher.cast.stop();
    await watcher.call.seen();
    a.node.disconnect(b.name);
    expect(await watcher.call.seen()).toEqual([`nodeup ${b.name}`]);
  });
});

test("nobody but a process can ask", () => {
  expect(() => monitorNodes()).toThrow(expect.objectContaining({ code: "INTERLOCK_BAD_ARGUMENT" }));
});
