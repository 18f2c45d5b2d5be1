/** Nodes within one test that have one presence. */
import { exit, genServer, local, type Pid, remote, reply, type SupervisorRef, supervisor, sys } from "@interlock/core";

import { VirtualTime } from "../names/virtual-time.fixture.ts";
import { nextEvent, TestCluster, type TestNode } from "../node/nodes.fixture.ts";
import { clusterAdapter } from "../pubsub/cluster-adapter.ts";
import { pubsub } from "../pubsub/pubsub.ts";
import type { PresenceStatistics } from "./node-presence.ts";
import { type Presence, type PresenceChange, type PresenceOptions, presence } from "./presence.ts";

const Probe = genServer({ name: "probe", init: () => 0, calls: { ping: () => reply("pong") } });

export interface Person {
  readonly pid: Pid;
  end(): Promise<void>;
}

export class Townhall {
  readonly at: TestNode;
  readonly online: Presence<unknown>;
  readonly sup: SupervisorRef;
  /** While true, what the node broadcasts reaches nobody. */
  readonly #line: { deaf: boolean };

  constructor(at: TestNode, online: Presence<unknown>, sup: SupervisorRef, line: { deaf: boolean }) {
    this.at = at;
    this.online = online;
    this.sup = sup;
    this.#line = line;
  }

  set deaf(deaf: boolean) {
    this.#line.deaf = deaf;
  }

  /** A process of this node that lives until it is ended. */
  person(): Person {
    const { pid } = this.at.start<never>(async (self) => void (await self.receive()));
    return {
      pid,
      end: () => this.end(pid),
    };
  }

  /** Tracks a new process for each key. */
  people(topic: string, keys: readonly string[]): Person[] {
    return keys.map((key) => {
      const person = this.person();
      this.online.track(person.pid, topic, key, this.at.name);
      return person;
    });
  }

  /** What changes in the topic from now on, one text a change: `+ann -bob`. */
  follow(topic: string): string[] {
    const told: string[] = [];
    this.online.watch(topic, (change) => void told.push(shown(change)));
    return told;
  }

  /** The keys in the topic, in order. */
  keys(topic: string): readonly string[] {
    return [...this.online.list(topic).keys()].sort();
  }

  /** Ends a process; resolves when all that follows from it on its node is done. */
  end(pid: Pid): Promise<void> {
    return this.at.run(async (self) => {
      const { down } = self.monitor(pid);
      exit(pid, "kill");
      await self.receive(down);
    });
  }

  /** Ends the process of the presence; its supervisor starts another one. */
  kill(): Promise<void> {
    return this.end(this.at.local.names.get("online")?.pid as Pid);
  }

  async statistics(): Promise<PresenceStatistics> {
    return this.at.run(async () => (await sys.getStatus(local("online"))).state as PresenceStatistics);
  }
}

export function shown({ joins, leaves }: PresenceChange<unknown>): string {
  const signed = (sign: string, metas: PresenceChange<unknown>["joins"]): string[] =>
    [...metas].flatMap(([key, all]) => all.map(() => `${sign}${key}`)).sort();
  return [...signed("-", leaves), ...signed("+", joins)].join(" ");
}

export class Town implements AsyncDisposable {
  readonly cluster: TestCluster;
  readonly time: VirtualTime | undefined;
  readonly #options: Partial<PresenceOptions>;
  readonly halls: Townhall[] = [];

  constructor(cluster: TestCluster, time: VirtualTime | undefined, options: Partial<PresenceOptions>) {
    this.cluster = cluster;
    this.time = time;
    this.#options = options;
  }

  static async open(options: Partial<PresenceOptions> = {}): Promise<Town> {
    return new Town(await TestCluster.make(), undefined, options);
  }

  /** With a clock that stands still: no heart beats but by `pass`. */
  static async withoutTime(options: Partial<PresenceOptions> = {}): Promise<Town> {
    return new Town(await TestCluster.make(), new VirtualTime(), options);
  }

  /** A node more, connected with all others; `late`: its PubSub has met them before its presence starts. */
  async add(alive: string, { late = false }: { readonly late?: boolean } = {}): Promise<Townhall> {
    const at = await this.cluster.node(alive, this.time === undefined ? {} : { local: this.time.node() });
    const line = { deaf: false };
    const hub = pubsub({ name: "town", adapter: adapterOn(line) });
    const online = presence({ name: "online", pubsub: hub, ...this.#options, node: at.local });
    const Sup = supervisor({
      name: "sup",
      strategy: "one_for_one",
      intensity: 10,
      children: () => (late ? [] : [online.child()]),
    });
    const sup = await at.run(async () => {
      await Probe.named(local("probe")).start();
      hub.start();
      return Sup.start();
    });
    const hall = new Townhall(at, online, sup, line);
    for (const other of this.halls) await at.node.connect(other.at.name);
    this.halls.push(hall);
    await this.settle();
    if (late) await at.run(() => sup.startChild(online.child()));
    await this.settle();
    return hall;
  }

  async three(): Promise<readonly [Townhall, Townhall, Townhall]> {
    return [await this.add("a"), await this.add("b"), await this.add("c")];
  }

  /** All that the nodes have told each other has arrived, and what they answered: a call follows on each connection. */
  async settle(halls: readonly Townhall[] = this.halls): Promise<void> {
    for (let round = 0; round < 6; round++)
      await Promise.all(
        halls.flatMap(({ at }) => halls.map((to) => at.run(() => Probe.at(remote("probe", to.at.name)).call.ping()))),
      );
  }

  /** Lets messages go to and fro until it is so. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await this.settle();
  }

  /** Time passes on all nodes, and what follows from it arrives. */
  async pass(byMs: number, stepMs = 500): Promise<void> {
    for (let passedMs = 0; passedMs < byMs; passedMs += stepMs) {
      await this.time?.advance(Math.min(stepMs, byMs - passedMs));
      await this.settle();
    }
  }

  /** Ends every connection of one node. */
  async cut({ at }: Townhall): Promise<void> {
    for (const other of this.halls) {
      if (other.at === at) continue;
      const down = nextEvent(other.at, "nodedown");
      at.node.disconnect(other.at.name);
      await down;
    }
  }

  async mend({ at }: Townhall): Promise<void> {
    for (const other of this.halls) if (other.at !== at) await at.node.connect(other.at.name);
    await this.settle();
  }

  /** The node is gone at once, without a word. */
  async crash(hall: Townhall): Promise<void> {
    this.halls.splice(this.halls.indexOf(hall), 1);
    const downs = this.halls.map(({ at }) => nextEvent(at, "nodedown"));
    await hall.at.node.stop();
    await Promise.all(downs);
  }

  /** Who is in the topic, as each node has it. */
  keys(topic: string): readonly (readonly string[])[] {
    return this.halls.map((hall) => hall.keys(topic));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.cluster[Symbol.asyncDispose]();
  }
}

function adapterOn(line: { readonly deaf: boolean }): ReturnType<typeof clusterAdapter> {
  const adapter = clusterAdapter();
  return {
    start(options) {
      const link = adapter.start(options);
      return { broadcast: (topic, message) => (line.deaf ? undefined : link.broadcast(topic, message)) };
    },
  };
}
