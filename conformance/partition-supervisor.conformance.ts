/** One child for each partition of the keys. @see PartitionSupervisor's tests */
import {
  exit,
  genServer,
  isAlive,
  local,
  noreply,
  type PartitionSupervisor,
  partitionSupervisor,
  reply,
  type SystemMessage,
  self,
  send,
  supervisor,
  whereis,
} from "@interlock/core";
import { expect, test } from "vitest";

import { simulated } from "./support/world.ts";

interface Note {
  readonly type: "note";
  readonly text: string;
}

const Shard = genServer({
  name: "shard",
  init: (partition: number) => partition,
  calls: { partition: ({ state }) => reply(state) },
  info: ({ state }, _message: Note | SystemMessage) => noreply(state + 100),
});

const counters = (partitions?: number): PartitionSupervisor =>
  partitionSupervisor((partition) => Shard.child([partition]), {
    name: "counters",
    intensity: 9,
    ...(partitions === undefined ? {} : { partitions }),
  });

const partition = (of: PartitionSupervisor, key: unknown): Promise<number> => Shard.at(of.via(key)).call.partition();

test(
  "partition_supervisor:on success with via name: a key leads to the same child each time, numbers by their remainder",
  simulated(async (world) => {
    const of = counters(8);
    const sup = await of.startLink();
    expect(await of.partitions()).toBe(8);
    expect(await sup.whichChildren()).toMatchObject(
      [7, 6, 5, 4, 3, 2, 1, 0].map((id) => ({ id: String(id), status: "running", type: "worker", modules: ["shard"] })),
    );
    expect(await sup.countChildren()).toEqual({ specs: 8, active: 8, supervisors: 0, workers: 8 });
    for (const key of [0, 7, 8, 21, -3, -8]) expect(await partition(of, key)).toBe(Math.abs(key) % 8);
    const seen = new Set<number>();
    for (let user = 0; user < 200; user++) {
      const first = await partition(of, `user-${user}`);
      expect(await partition(of, `user-${user}`)).toBe(first);
      seen.add(first);
    }
    expect([...seen].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    for (const key of [undefined, null, true, 1.5, 10n, Symbol.for("s").description])
      expect(await partition(of, key)).toBe(await partition(of, key));

    // A child that is started again serves the same keys; a message goes by the name as well.
    const old = whereis(of.via(3));
    exit(old as never, "kill");
    await world.settle();
    expect(whereis(of.via(3))).not.toBe(old);
    expect(await partition(of, 3)).toBe(3);
    send(of.via(3), { type: "note", text: "hello" } satisfies Note as never);
    await world.settle();
    expect(await partition(of, 3)).toBe(103);
    expect(await partition(of, 4)).toBe(4);
    // It stands under other supervisors as any child does.
    await sup.stop();
    const top = await supervisor({ name: "top", strategy: "one_for_one", children: () => [of.child([])] }).startLink();
    expect(await partition(of, 11)).toBe(3);
    expect(await top.countChildren()).toEqual({ specs: 1, active: 1, supervisors: 1, workers: 0 });
  }),
);

test(
  "partition_supervisor:on success with via name: there are four partitions unless more are asked for, and never none",
  simulated(async () => {
    const of = counters();
    await of.startLink();
    expect(await of.partitions()).toBe(4);
    for (const partitions of [0, -1, 1.5, Number.NaN])
      expect(() => counters(partitions), String(partitions)).toThrow(/partitions/);
    expect(await counters(1).at(local("counters")).countChildren()).toMatchObject({ specs: 4 });
  }),
);

test(
  "partition_supervisor:resizes the number of children: the last ones are stopped and forgotten, or new ones started",
  simulated(async () => {
    const of = counters(8);
    const sup = await of.startLink();
    const ids = async () => (await sup.whichChildren()).map(({ id }) => Number(id)).reverse();
    const kept = whereis(of.via(2));
    const dropped = whereis(of.via(6));
    await of.resize(6);
    expect(await ids()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await of.partitions()).toBe(6);
    expect(isAlive(dropped as never)).toBe(false);
    expect(whereis(of.via(2))).toBe(kept);
    expect(await partition(of, 6)).toBe(0);
    await of.resize(6);
    expect(await ids()).toEqual([0, 1, 2, 3, 4, 5]);
    await of.resize(10);
    expect(await ids()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(await partition(of, 19)).toBe(9);
    expect(whereis(of.via(2))).toBe(kept);
    await of.resize(1);
    expect(await ids()).toEqual([0]);
    for (const key of [0, 1, "a"]) expect(await partition(of, key)).toBe(0);
    for (const count of [0, -1, 2.5]) await expect(of.resize(count)).rejects.toThrow(/partitions/);
    expect(await of.partitions()).toBe(1);
  }),
);

test(
  "partition_supervisor:raises noproc for unknown: nothing is reached through a supervisor that does not run",
  simulated(async () => {
    const of = counters(2);
    const noproc = { code: "INTERLOCK_NOPROC" };
    const refused = async () => {
      await expect(async () => await partition(of, 0)).rejects.toMatchObject(noproc);
      await expect(of.partitions()).rejects.toMatchObject(noproc);
      await expect(of.resize(1)).rejects.toMatchObject(noproc);
      expect(() => Shard.at(of.via("a")).pid).toThrow(/does not run/);
    };
    await refused();
    const sup = await of.startLink();
    expect(await partition(of, 1)).toBe(1);
    await sup.stop();
    await refused();
    // Nor by a name of its own: partitions are named by their supervisor.
    await expect(Shard.named(of.via(0)).startLink(1)).rejects.toMatchObject(noproc);
    await of.startLink();
    await expect(Shard.named(of.via(0)).startLink(1)).rejects.toMatchObject({ code: "INTERLOCK_ALREADY_STARTED" });
  }),
);

test(
  "partition_supervisor:raises noproc for unknown: nor while its partitions are still being started, or one of them is down",
  simulated(async (world) => {
    let met: unknown;
    const Asking = genServer({
      name: "asking",
      init: (partition: number) => {
        try {
          if (partition === 1) whereis(of.via(0));
        } catch (error) {
          met = error;
        }
        return { partition, pid: self().pid };
      },
    });
    const of = partitionSupervisor((one) => Asking.child([one], { restart: "temporary" }), {
      name: "asked",
      partitions: 3,
    });
    const sup = await of.startLink();
    expect(met).toMatchObject({ code: "INTERLOCK_NOPROC" });
    const others = [whereis(of.via(0)), whereis(of.via(2))];
    exit(whereis(of.via(1)) as never, "kill");
    await world.settle();
    expect(await sup.countChildren()).toMatchObject({ specs: 2 });
    await expect(Asking.at(of.via(1)).stop()).rejects.toMatchObject({ code: "INTERLOCK_NOPROC" });
    // The keys of the others stay where they are.
    expect([whereis(of.via(3)), whereis(of.via(2))]).toEqual(others);
    expect(await of.partitions()).toBe(3);
    await of.resize(1);
    expect(await sup.whichChildren()).toMatchObject([{ id: "0" }]);
  }),
);
