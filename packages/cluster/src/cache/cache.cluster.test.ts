import { exit, genServer, local, type Pid, remote, reply, send, supervisor, whereis } from "@interlock/core";
import { describe, expect, test } from "vitest";

import { nextEvent, TestCluster, type TestNode } from "../node/nodes.fixture.ts";
import { type CacheOptions, cache, type LoadingCache } from "./cache.ts";
import type { CacheMode } from "./replica.ts";

const Probe = genServer({ name: "probe", init: () => 0, calls: { ping: () => reply("pong") } });

type Articles = LoadingCache<string, unknown>;

interface Member {
  readonly at: TestNode;
  readonly articles: Articles;
  /** What the source of all nodes has been asked for from here. */
  readonly loads: string[];
}

/** Nodes with one cache, and the source that all of them load from. */
class Newsroom implements AsyncDisposable {
  readonly cluster: TestCluster;
  readonly options: CacheOptions;
  readonly members: Member[] = [];
  readonly source = new Map<string, unknown>();
  /** While there is one, loads read the source and then wait for it. */
  hold: Promise<void> | undefined;

  constructor(cluster: TestCluster, options: CacheOptions) {
    this.cluster = cluster;
    this.options = options;
  }

  static async open(mode: CacheMode, options: Partial<CacheOptions> = {}): Promise<Newsroom> {
    return new Newsroom(await TestCluster.make(), { name: "articles", mode, ...options });
  }

  /** A node more, connected with all others. */
  async add(alive: string): Promise<Member> {
    const at = await this.cluster.node(alive);
    const loads: string[] = [];
    const articles = cache<string, unknown>({
      ...this.options,
      node: at.local,
      load: async (key) => {
        loads.push(key);
        const value = this.source.get(key);
        await this.hold;
        return value;
      },
    });
    await at.run(async () => {
      await Probe.named(local("probe")).start();
      await supervisor({
        name: "sup",
        strategy: "one_for_one",
        intensity: 10,
        children: () => [articles.child()],
      }).start();
    });
    for (const other of this.members) await at.node.connect(other.at.name);
    const member = { at, articles, loads };
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

  /** Ends every connection of one node. */
  async cut({ at }: Member): Promise<void> {
    for (const other of this.members) {
      if (other.at === at) continue;
      const down = nextEvent(other.at, "nodedown");
      at.node.disconnect(other.at.name);
      await down;
    }
  }

  async mend({ at }: Member): Promise<void> {
    for (const other of this.members) if (other.at !== at) await at.node.connect(other.at.name);
    await this.settle();
  }

  seen(key: string): readonly unknown[] {
    return this.members.map(({ articles }) => articles.peek(key));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.cluster[Symbol.asyncDispose]();
  }
}

describe("three nodes that replicate", () => {
  test("are in step after writes, deletes, loads and a clear on any of them", async () => {
    await using room = await Newsroom.open("replicate");
    const members = await room.three();
    for (const [at, { articles }] of members.entries()) {
      articles.set("k", { written: at });
      await room.settle();
      expect(room.seen("k")).toEqual([{ written: at }, { written: at }, { written: at }]);
    }
    members[1].articles.delete("k");
    await room.settle();
    expect(room.seen("k")).toEqual([undefined, undefined, undefined]);
    room.source.set("l", new Date(0));
    await members[2].articles.get("l");
    await room.settle();
    expect([room.seen("l"), members.map(({ loads }) => loads)]).toEqual([
      [new Date(0), new Date(0), new Date(0)],
      [[], [], ["l"]],
    ]);
    members[0].articles.clear();
    await room.settle();
    expect(members.map(({ articles }) => articles.keys())).toEqual([[], [], []]);
  });

  test("agree on one of the values written at once", async () => {
    await using room = await Newsroom.open("replicate");
    const members = await room.three();
    for (let round = 0; round < 20; round++)
      for (const [at, { articles }] of members.entries()) articles.set("k", `${round} by ${at}`);
    await room.settle();
    expect(new Set(room.seen("k")).size).toBe(1);
  });

  test("one that joins late has what the others have", async () => {
    await using room = await Newsroom.open("replicate");
    const { articles } = await room.add("a");
    for (let at = 0; at < 600; at++) articles.set(`k${at}`, at);
    articles.delete("k0");
    const late = await room.add("b");
    expect([late.articles.keys().length, late.articles.peek("k0"), late.articles.peek("k599")]).toEqual([
      599,
      undefined,
      599,
    ]);
    expect(late.loads).toEqual([]);
  });

  test("one that joins late with less room takes no more than fits", async () => {
    await using room = await Newsroom.open("replicate", { maxEntries: 50 });
    const { articles } = await room.add("a");
    for (let at = 0; at < 80; at++) articles.set(`k${at}`, at);
    const late = await room.add("b");
    expect([articles.keys().length, late.articles.keys().length]).toEqual([50, 50]);
  });

  test("converge after a cut in which both sides wrote and deleted", async () => {
    await using room = await Newsroom.open("replicate");
    const [a, b, c] = await room.three();
    for (const key of ["k", "l", "m", "n"]) a.articles.set(key, "before");
    await room.settle();
    await room.cut(c);
    a.articles.set("k", "of a");
    b.articles.delete("l");
    c.articles.set("m", "of c");
    c.articles.delete("n");
    c.articles.set("o", "of c");
    await room.settle([a, b]);
    expect(room.seen("k")).toEqual(["of a", "of a", "before"]);
    await room.mend(c);
    expect(["k", "l", "m", "n", "o"].map((key) => room.seen(key))).toEqual([
      ["of a", "of a", "of a"],
      [undefined, undefined, undefined],
      ["of c", "of c", "of c"],
      [undefined, undefined, undefined],
      ["of c", "of c", "of c"],
    ]);
  });

  test("what was cleared during a cut does not come back with the node that was away", async () => {
    await using room = await Newsroom.open("replicate");
    const [a, , c] = await room.three();
    a.articles.set("k", "before");
    await room.settle();
    await room.cut(c);
    a.articles.clear();
    await room.mend(c);
    expect(room.seen("k")).toEqual([undefined, undefined, undefined]);
  });

  test("a cache that crashes is given what the others have, and its writes count", async () => {
    await using room = await Newsroom.open("replicate");
    const [a, b] = await room.three();
    for (let round = 0; round < 10; round++) a.articles.set("k", round);
    await room.settle();
    await a.at.run(() => exit(whereis(local("articles")) as Pid, "kill"));
    await room.settle();
    expect(room.seen("k")).toEqual([9, 9, 9]);
    a.articles.set("k", "of the new one");
    await room.settle();
    expect(b.articles.peek("k")).toBe("of the new one");
  });

  test("a value that other nodes cannot be sent is refused, and nothing is changed", async () => {
    await using room = await Newsroom.open("replicate");
    const [a] = await room.three();
    a.articles.set("k", 1);
    expect(() => a.articles.set("k", () => 1)).toThrow(expect.objectContaining({ code: "INTERLOCK_WIRE_UNENCODABLE" }));
    await room.settle();
    expect(room.seen("k")).toEqual([1, 1, 1]);
  });
});

describe("three nodes that invalidate", () => {
  test("load anew after a write or a delete on another one, and only then", async () => {
    await using room = await Newsroom.open("invalidate");
    const members = await room.three();
    room.source.set("k", 1);
    const all = (): Promise<unknown[]> => Promise.all(members.map(({ articles }) => articles.get("k")));
    expect([await all(), await all()]).toEqual([
      [1, 1, 1],
      [1, 1, 1],
    ]);
    expect(members.map(({ loads }) => loads.length)).toEqual([1, 1, 1]);
    room.source.set("k", 2);
    members[1].articles.set("k", 2);
    await room.settle();
    expect(room.seen("k")).toEqual([undefined, 2, undefined]);
    expect(await all()).toEqual([2, 2, 2]);
    members[0].articles.delete("k");
    await room.settle();
    expect(room.seen("k")).toEqual([undefined, undefined, undefined]);
    expect(members.map(({ loads }) => loads.length)).toEqual([2, 1, 2]);
    expect(members.map(({ articles }) => articles.statistics().invalidations)).toEqual([1, 1, 2]);
  });

  test("do not keep the value of a load that began before another node's write was heard of", async () => {
    await using room = await Newsroom.open("invalidate");
    const [a, b] = await room.three();
    const held = Promise.withResolvers<void>();
    room.hold = held.promise;
    room.source.set("k", "old");
    const early = a.articles.fetch("k");
    await room.settle();
    expect(a.loads).toEqual(["k"]);
    room.source.set("k", "new");
    b.articles.delete("k");
    await room.settle();
    const late = a.articles.fetch("k");
    await room.settle();
    held.resolve();
    expect([(await early).value, (await late).value]).toEqual(["old", "new"]);
    expect([a.articles.peek("k"), a.articles.statistics().outdated]).toEqual(["new", 1]);
  });

  test("one that was away drops what was written meanwhile, and keeps the rest", async () => {
    await using room = await Newsroom.open("invalidate");
    const [a, b, c] = await room.three();
    for (const key of ["k", "l", "m"]) {
      room.source.set(key, "old");
      for (const { articles } of [a, b, c]) await articles.get(key);
    }
    await room.cut(c);
    a.articles.set("k", "new");
    c.articles.delete("l");
    await room.mend(c);
    expect(["k", "l", "m"].map((key) => room.seen(key))).toEqual([
      ["new", undefined, undefined],
      [undefined, undefined, undefined],
      ["old", "old", "old"],
    ]);
  });
});

test("caches that are local, or of another name, do not hear of each other", async () => {
  await using cluster = await TestCluster.make();
  const [a, b] = [await cluster.node("a"), await cluster.node("b")];
  const made = (at: TestNode, name: string, mode: CacheMode) => {
    const one = cache<string, string>({ name, mode, node: at.local });
    return at.run(async () => {
      await supervisor({ name: "sup", strategy: "one_for_one", children: () => [one.child()] }).start();
      return one;
    });
  };
  const [one, two] = [await made(a, "one", "replicate"), await made(b, "two", "replicate")];
  const [mine, yours] = [await made(a, "mine", "local"), await made(b, "mine", "local")];
  for (const at of [a, b]) await at.run(() => Probe.named(local("probe")).start());
  await a.node.connect(b.name);
  one.set("k", "v");
  mine.set("k", "v");
  for (let round = 0; round < 6; round++)
    for (const [at, to] of [[a, b] as const, [b, a] as const])
      await at.run(() => Probe.at(remote("probe", to.name)).call.ping());
  expect([one.get("k"), two.get("k"), mine.get("k"), yours.get("k")]).toEqual(["v", undefined, "v", undefined]);
});

test("a cache lives on after messages that nobody knows", async () => {
  await using room = await Newsroom.open("replicate");
  const { articles, at } = await room.add("a");
  articles.set("k", 1);
  const version = [9e15, "x", 0, ""];
  await at.run(() => {
    for (const message of [
      null,
      "text",
      [],
      { type: "cache_items" },
      { type: "cache_items", items: [1] },
      { type: "cache_items", items: [[{}, version, 0, [1]]] },
      { type: "cache_items", items: [["k", [1], 0, []]] },
      { type: "cache_items", items: [["k", version, "0", []]] },
      { type: "cache_cleared", floor: "all" },
      { type: "cache_digest", floor: version, versions: [] },
      { type: "cache_digest", from: whereis(local("articles")), floor: version, versions: [["k"]] },
      { type: "group" },
    ])
      send(local("articles"), message as never);
  });
  await room.settle();
  expect([articles.peek("k"), articles.keys(), at.reports]).toEqual([1, ["k"], []]);
});
