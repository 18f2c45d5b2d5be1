/** What every adapter must leave as it is, on one node: the suite of a PubSub, for whatever adapter is made. */
import { genServer, noreply, type Pid, reply, type Self, type SystemMessage, spawn, when } from "@interlock/core";
import { describe, expect, test } from "vitest";

import { TestCluster, type TestNode } from "../node/nodes.fixture.ts";
import type { PubSubAdapter } from "./adapter.ts";
import { type PubSub, pubsub, type Topic } from "./pubsub.ts";

export function pubsubContract(label: string, makeAdapter: () => PubSubAdapter): void {
  describe(`a PubSub on one node, by the ${label} adapter`, () => {
    async function make(): Promise<{ cluster: TestCluster; at: TestNode; hub: PubSub; red: Topic<unknown> }> {
      const cluster = await TestCluster.make();
      const at = await cluster.node("a");
      const hub = pubsub({ name: "contract", adapter: makeAdapter() });
      return { cluster, at, hub, red: hub.topic("red") };
    }

    test("gives each subscriber what is broadcast on its topic, in order", async () => {
      const { cluster, at, hub, red } = await make();
      await using _ = cluster;
      const heard = await at.run(async (self: Self<unknown>) => {
        red.subscribe(self);
        for (const number of [1, 2, 3]) {
          hub.topic("green").broadcast("not for us");
          red.broadcast({ number });
        }
        return [await self.receive(), await self.receive(), await self.receive()];
      });
      expect(heard).toEqual([{ number: 1 }, { number: 2 }, { number: 3 }]);
    });

    test("gives nothing twice, and nothing once the subscription has ended", async () => {
      const { cluster, at, hub, red } = await make();
      await using _ = cluster;
      await at.run(async (self: Self<unknown>) => {
        red.subscribe(self);
        red.subscribe(self);
        red.broadcast("once");
        red.unsubscribe(self);
        red.unsubscribe(self);
        red.broadcast("not any more");
        expect(hub.topics()).toEqual([]);
        red.subscribe(self);
        red.broadcast("again");
        expect([await self.receive(), await self.receive()]).toEqual(["once", "again"]);
      });
    });

    test("leaves out who broadcasts, if asked to, and no one else", async () => {
      const { cluster, at, red } = await make();
      await using _ = cluster;
      await at.run(async (self: Self<unknown>) => {
        const heard = Promise.withResolvers<unknown>();
        const ready = Promise.withResolvers<void>();
        spawn<unknown>(async (second) => {
          red.subscribe(second);
          ready.resolve();
          heard.resolve(await second.receive());
        });
        await ready.promise;
        red.subscribe(self);
        red.broadcastFrom(self, "to the others");
        red.broadcast("to all");
        expect([await heard.promise, await self.receive()]).toEqual(["to the others", "to all"]);
      });
    });

    test("forgets a subscriber that ends, and a topic without subscribers", async () => {
      const { cluster, at, hub, red } = await make();
      await using _ = cluster;
      await at.run(async (self: Self<unknown>) => {
        const ready = Promise.withResolvers<void>();
        const pid = spawn<unknown>(async (other) => {
          red.subscribe(other);
          hub.topic("green").subscribe(other);
          ready.resolve();
          await other.receive();
        });
        await ready.promise;
        red.subscribe(self);
        expect([...hub.topics()].sort()).toEqual(["green", "red"]);
        const end = self.monitor(pid);
        red.broadcast("enough");
        await self.receive(end.down);
        expect(hub.topics()).toEqual(["red"]);
        red.broadcast("still here");
        expect([await self.receive(), await self.receive()]).toEqual(["enough", "still here"]);
        red.unsubscribe(self);
        expect(hub.topics()).toEqual([]);
      });
    });

    test("a subscriber whose mailbox is full does not hurt others", async () => {
      const { cluster, at, red } = await make();
      await using _ = cluster;
      await at.run(async (self: Self<unknown>) => {
        const full: Pid<unknown>[] = [];
        for (const overflow of ["reject", "drop_oldest", "exit"] as const) {
          const ready = Promise.withResolvers<void>();
          const stuck = async (other: Self<unknown>): Promise<void> => {
            red.subscribe(other);
            ready.resolve();
            await other.receive(when((message): message is "never" => message === "never"));
          };
          full.push(spawn<unknown>(stuck, { mailbox: { capacity: 1, overflow } }));
          await ready.promise;
        }
        red.subscribe(self);
        const ends = full.map((pid) => self.monitor(pid));
        for (let number = 0; number < 10; number++) red.broadcast(number);
        for (let number = 0; number < 10; number++) expect(await self.receive()).toBe(number);
        // Only the one that asked for that has ended.
        const reason = (await self.receive(ends[2]?.down as NonNullable<(typeof ends)[2]>["down"])).reason;
        expect(reason).toBeDefined();
        for (const end of ends.slice(0, 2)) expect(await self.receive(end.down, { timeoutMs: 0 })).toBeUndefined();
      });
    });

    test("servers subscribe by the self of their context", async () => {
      const { cluster, at, red } = await make();
      await using _ = cluster;
      const Counter = genServer({
        name: "counter",
        init: () => 0,
        calls: {
          listen(ctx) {
            red.subscribe(ctx.self);
            return reply("ok");
          },
          heard: ({ state }) => reply(state),
        },
        info: ({ state }, _message: SystemMessage | string) => noreply(state + 1),
      });
      await at.run(async () => {
        const counter = await Counter.start();
        await counter.call.listen();
        red.broadcast("one");
        red.localBroadcast("two");
        expect(await counter.call.heard()).toBe(2);
      });
    });

    test("is open to code outside any process, for the default node", () => {
      const hub = pubsub({ name: `contract of ${label}`, adapter: makeAdapter() });
      hub.start();
      hub.topic("red").broadcast("to nobody");
      expect(hub.topics()).toEqual([]);
      expect(() => hub.topic("red").subscribe({} as never)).toThrow(
        expect.objectContaining({ code: "INTERLOCK_BAD_ARGUMENT" }),
      );
    });
  });
}
