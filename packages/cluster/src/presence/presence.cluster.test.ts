import { genServer, local, remote, reply, supervisor } from "@interlock/core";
import type { Process } from "@interlock/core/distribution";
import { describe, expect, test } from "vitest";

import { TestCluster, type TestNode } from "../node/nodes.fixture.ts";
import { pubsub } from "../pubsub/pubsub.ts";
import { type Presence, type PresenceOptions, presence } from "./presence.ts";

const Probe = genServer({ name: "probe", init: () => 0, calls: { ping: () => reply("pong") } });

interface Member {
  readonly at: TestNode;
  readonly online: Presence<unknown>;
  /** A process of that node that lives until it is ended. */
  someone(): Process;
}

/** Nodes with one presence. */
class Town implements AsyncDisposable {
  readonly cluster: TestCluster;
  readonly options: Partial<PresenceOptions>;
  readonly members: Member[] = [];

  constructor(cluster: TestCluster, options: Partial<PresenceOptions>) {
    this.cluster = cluster;
    this.options = options;
  }

  static async open(options: Partial<PresenceOptions> = {}): Promise<Town> {
    return new Town(await TestCluster.make(), options);
  }

  /** A node more, connected with all others. */
  async add(alive: string): Promise<Member> {
    const at = await this.cluster.node(alive);
    const online = presence({ name: "online", pubsub: pubsub({ name: "town" }), ...this.options, node: at.local });
    await at.run(async () => {
      await Probe.named(local("probe")).start();
      const children = () => [online.child()];
      await supervisor({ name: "sup", strategy: "one_for_one", intensity: 10, children }).start();
    });
    for (const other of this.members) await at.node.connect(other.at.name);
    const member: Member = { at, online, someone: () => at.start<never>(async (self) => void (await self.receive())) };
    this.members.push(member);
    await this.settle();
    return member;
  }

  async three(): Promise<readonly [Member, Member, Member]> {
    return [await this.add("a"), await this.add("b"), await this.add("c")];
  }

  /** All that the nodes have told each other has arrived, and what they answered: a call follows on each connection. */
  async settle(members: readonly Member[] = this.members): Promise<void> {
    for (let round = 0; round < 6; round++)
      await Promise.all(
        members.flatMap(({ at }) =>
          members.map((to) => at.run(() => Probe.at(remote("probe", to.at.name)).call.ping())),
        ),
      );
  }

  /** Who is in the topic, as each node has it. */
  seen(topic: string): readonly Record<string, unknown>[] {
    return this.members.map(({ online }) => Object.fromEntries(online.list(topic)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.cluster[Symbol.asyncDispose]();
  }
}

describe("three nodes", () => {
  test("all see who joins, leaves and changes, until the end of the process", async () => {
    await using town = await Town.open();
    const [a, b] = await town.three();
    const [ann, bob] = [a.someone(), b.someone()];
    a.online.track(ann.pid, "room", "ann", { device: "phone" });
    a.online.track(ann.pid, "room", "guest", 1);
    b.online.track(bob.pid, "room", "guest", 2);
    await town.settle();
    for (const seen of town.seen("room")) {
      expect(seen).toEqual({ ann: [{ device: "phone" }], guest: expect.arrayContaining([1, 2]) });
    }
    a.online.update(ann.pid, "room", "ann", { device: "web" });
    a.online.untrack(ann.pid, "room", "guest");
    await town.settle();
    expect(new Set(town.seen("room").map((seen) => JSON.stringify(Object.entries(seen).sort())))).toEqual(
      new Set([
        JSON.stringify([
          ["ann", [{ device: "web" }]],
          ["guest", [2]],
        ]),
      ]),
    );
  });
});
