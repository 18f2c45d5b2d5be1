import { connect, monitorNodes } from "@interlock/cluster";
import {
  exit,
  genServer,
  type Pid,
  processInfo,
  register,
  remote,
  reply,
  type Self,
  send,
  trySend,
  unregister,
} from "@interlock/core";
import { expect, test } from "vitest";

import { whatever } from "./in-process.ts";
import { answering, ask, begin, dammed, type Note, note, pidOf, TestCluster, type TestNode } from "./support/nodes.ts";

let starts: () => void = () => undefined;

const Started = genServer({
  name: "conformance_over_busy",
  init: () => starts(),
  calls: { node: ({ self }) => reply((self.pid as Pid).node) },
});

/** Two connected nodes with an answering process `far` on the second; what the first one sends can be dammed up. */
async function river() {
  const { dam, ports, release } = dammed();
  const cluster = await TestCluster.make();
  const a = await cluster.node("a", { ports, busyBytes: 10_000, modules: [Started] });
  const b = await cluster.node("b");
  const far = begin(b, "far");
  await a.node.connect(b.name);
  /** Makes the connection busy until the release. Called by a process of the first node. */
  const fill = (): void => {
    dam();
    let notes = 0;
    while (trySend(remote("far", b.name), { type: "note", text: "x".repeat(1_000) } as never)) notes++;
    expect(notes).toBeGreaterThan(5);
  };
  return { cluster, a, b, far, fill, release };
}

/** The reason with which a process of that node ends. */
function endOf(at: TestNode, pid: Pid): Promise<unknown> {
  return at.run(async (self: Self<never>) => (await self.receive(self.monitor(pid).down)).reason);
}

/** Resolves when all that `from` has sent here before has arrived. */
async function arrivedFrom(from: TestNode, self: Self<Note>): Promise<void> {
  register("arrivals", self.pid);
  await from.run(() => send(remote("arrivals", self.pid.node), { type: "note", text: "behind the others" } as never));
  await self.receive({ type: "note" });
  unregister("arrivals");
}

test("signal:busy_dist_exit_signal: an exit signal gets through a busy connection", async () => {
  const { a, b, cluster, far, fill, release } = await river();
  await using _ = cluster;
  const end = endOf(b, far);
  await a.run(async (self: Self<Note>) => {
    const pid = await pidOf(self, "far", b.name);
    fill();
    exit(pid, "enough");
  });
  release();
  expect(await end).toBe("enough");
});

test("signal:busy_dist_demonitor_signal: a monitor that is ended over a busy connection fires no more", async () => {
  const { a, b, cluster, far, fill, release } = await river();
  await using _ = cluster;
  await a.run(async (self: Self<Note>) => {
    const monitor = self.monitor(await pidOf(self, "far", b.name));
    await ask(self, "far", b.name);
    fill();
    expect(monitor.demonitor()).toBe(true);
    const end = endOf(b, far);
    exit(far, "gone");
    await end;
    await arrivedFrom(b, self);
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
    release();
    await arrivedFrom(b, self);
    expect(await self.receive(whatever, { timeoutMs: 0 })).toBeUndefined();
  });
});

test("signal:busy_dist_down_signal: a DOWN gets through a busy connection", async () => {
  const { a, b, cluster, fill, release } = await river();
  await using _ = cluster;
  const watched = begin(a, "watched");
  await b.run(async (self: Self<Note>) => {
    const monitor = self.monitor(await pidOf(self, "watched", a.name));
    await ask(self, "watched", a.name);
    await a.run(fill);
    const end = endOf(a, watched);
    exit(watched, "gone");
    await end;
    expect(await self.receive(monitor.down, { timeoutMs: 0 })).toBeUndefined();
    release();
    expect((await self.receive(monitor.down)).reason).toBe("gone");
  });
});

test("signal:busy_dist_spawn_reply_signal: the reply to a start gets through a busy connection", async () => {
  const { a, b, cluster, fill, release } = await river();
  await using _ = cluster;
  await b.run(async () => {
    const far = await connect(a.name);
    await a.run(fill);
    const isStarting = new Promise<void>((resolve) => {
      starts = resolve;
    });
    const starting = far.spawn(Started);
    await isStarting;
    release();
    expect(await (await starting).call.node()).toBe(a.name);
  });
});

test("signal:busy_dist_unlink_ack_signal: the acknowledgement of an unlink gets through a busy connection", async () => {
  const { a, b, cluster, fill, release } = await river();
  await using _ = cluster;
  const begun = Promise.withResolvers<Self<Note>>();
  begin(a, "ours", (self) => {
    begun.resolve(self);
    return answering(self);
  });
  const ours = await begun.promise;
  await b.run(async (self: Self<Note>) => {
    const exits = self.trapExit();
    const far = await pidOf(self, "ours", a.name);
    self.link(far);
    await ask(self, "ours", a.name);
    const [theirs] = processInfo(ours.pid)?.links ?? [];
    await a.run(fill);
    self.unlink(far);
    await a.run((there: Self<Note>) => arrivedFrom(b, there));
    expect(processInfo(ours.pid)?.links).toEqual([]);
    // Behind the acknowledgement, without which it would be void.
    ours.link(theirs as Pid);
    release();
    await ask(self, "ours", a.name);
    expect(processInfo(self.pid)?.links).toEqual([far]);
    exit(far, "kill");
    expect(await self.receive(exits)).toMatchObject({ from: far, reason: "killed" });
  });
});

test("distribution:link_to_busy: a link over a busy connection is made, and ends both", async () => {
  const { a, b, cluster, far, fill, release } = await river();
  await using _ = cluster;
  await a.run(async (self: Self<Note>) => {
    const exits = self.trapExit();
    const pid = await pidOf(self, "far", b.name);
    fill();
    self.link(pid);
    expect(processInfo(self.pid)?.links).toEqual([pid]);
    expect(processInfo(far)?.links).toEqual([]);
    release();
    await ask(self, "far", b.name);
    expect(processInfo(far)?.links).toHaveLength(1);
    exit(far, "gone");
    expect(await self.receive(exits)).toMatchObject({ from: pid, reason: "gone" });
  });
});

test("distribution:exit_to_busy: the end of a linked process gets through a busy connection", async () => {
  const { a, b, cluster, far, fill, release } = await river();
  await using _ = cluster;
  const end = endOf(b, far);
  await a.run(async (self: Self<Note>) => {
    const pid = await pidOf(self, "far", b.name);
    const child = a.start<never>(async (other) => {
      other.link(pid);
      await other.receive();
    });
    const watch = self.monitor(child.pid);
    await ask(self, "far", b.name);
    expect(processInfo(far)?.links).toHaveLength(1);
    fill();
    exit(child.pid as never, "gone");
    await self.receive(watch.down);
  });
  release();
  expect(await end).toBe("gone");
});

test("signal:monitor_named_order_remote: of a process monitored by its name on another node DOWN comes after all it sent", async () => {
  await using cluster = await TestCluster.make();
  const [a, b] = [await cluster.node("a"), await cluster.node("b")];
  await a.run(async (self: Self<Note>) => {
    for (let round = 0; round < 20; round++) {
      begin(b, "talker", async (talker) => {
        const { from } = await talker.receive();
        for (let text = 0; text < 50; text++) note(from as Pid<Note>, text);
      });
      const monitor = self.monitor(remote("talker", b.name));
      send(remote("talker", b.name), { type: "note", text: "go", from: self.pid } as never);
      for (let text = 0; text < 50; text++) expect(await self.receive(whatever)).toMatchObject({ type: "note", text });
      expect(await self.receive(whatever)).toMatchObject({ type: "DOWN", ref: monitor.ref, reason: "normal" });
    }
  });
});

test("signal:monitor_nodes_order: nodeup comes before all that is sent over a connection, and nodedown after it", async () => {
  await using cluster = await TestCluster.make();
  const [a, b] = [await cluster.node("a"), await cluster.node("b")];
  await a.run(async (self: Self<Note>) => {
    register("listener", self.pid);
    monitorNodes();
    for (let round = 0; round < 20; round++) {
      await b.run(() => {
        // The first of them makes the connection.
        for (let text = 0; text < 50; text++) send(remote("listener", a.name), { type: "note", text } as never);
      });
      expect(await self.receive(whatever)).toMatchObject({ type: "nodeup", node: b.name });
      for (let text = 0; text < 49; text++) expect(await self.receive(whatever)).toMatchObject({ type: "note", text });
      b.node.disconnect(a.name);
      expect(await self.receive(whatever)).toMatchObject({ type: "note", text: 49 });
      expect(await self.receive(whatever)).toMatchObject({ type: "nodedown", node: b.name });
    }
  });
});
