/** What becomes of placed processes when their node goes as planned. Real nodes, over sockets. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import {
  type From,
  genServer,
  isError,
  later,
  noreply,
  type Pid,
  ready,
  reply,
  type SystemMessage,
  self,
  send,
} from "@interlock/core";
import type { Tuple } from "@interlock/wire";
import { describe, expect, test } from "vitest";
import { TestCluster } from "../node/nodes.fixture.ts";
import { until } from "../node/until.fixture.ts";
import { placement } from "./placement.ts";
import { type AnyPlacement, known, type Site, site, sites } from "./sites.fixture.ts";

interface Ledger {
  readonly key: string;
  /** `sender number`, in the order of their arrival. */
  readonly entries: readonly string[];
  readonly waiting: readonly From<string>[];
}

type Told = { readonly type: "told"; readonly entry: string };

const Book = genServer({
  name: "book",
  version: "1",
  init: (key: string): Ledger => ({ key, entries: [], waiting: [] }),
  calls: {
    entries: ({ state }) => reply(state.entries),
    add({ state }, entry: string) {
      const entries = [...state.entries, entry];
      return reply(entries.length, { ...state, entries });
    },
    /** Answered by `answer`, however far the book has come by then. */
    wait(ctx) {
      const from = ctx.from<string>();
      return later(from, { ...ctx.state, waiting: [...ctx.state.waiting, from] });
    },
    waiting: ({ state }) => reply(state.waiting.length),
    async slow({ state }, entry: string) {
      await opened(entry);
      return reply(entry, { ...state, entries: [...state.entries, entry] });
    },
  },
  casts: {
    put: ({ state }, entry: string) => noreply({ ...state, entries: [...state.entries, entry] }),
    answer(ctx, text: string) {
      for (const from of ctx.state.waiting) ctx.reply(from, text);
      return noreply({ ...ctx.state, waiting: [] });
    },
  },
  info: ({ state }, message: SystemMessage | Told) =>
    message.type === "told" ? noreply({ ...state, entries: [...state.entries, message.entry] }) : noreply(),
});

/** What handlers of these tests wait for. */
const gates = new Map<string, () => void>();

function opened(gate: string): Promise<void> {
  return new Promise((resolve) => gates.set(gate, resolve));
}

/** Keys of journals whose terminate has run. */
const ends: string[] = [];

interface Diary {
  readonly key: string;
  readonly log: readonly string[];
}

const Journal = genServer({
  name: "journal",
  init: (key: string): Diary => {
    self().trapExit();
    return { key, log: [`began on ${self().pid.node}`] };
  },
  calls: {
    log: ({ state }) => reply(state.log),
    async hold() {
      await opened("hold");
      return reply("held");
    },
  },
  casts: { note: ({ state }, line: string) => noreply({ ...state, log: [...state.log, line] }) },
  continues: { note: ({ state }, line: string) => noreply({ ...state, log: [...state.log, line] }) },
  info: () => noreply(),
  terminate: ({ state }) => void ends.push(state.key),
});

const versions = new Map(
  ["1", "2", "10"].map((version) => {
    const Versioned = genServer({
      name: "versioned",
      version,
      init: (key: string): { readonly value: string } => ({ value: `${key} begun by ${version}` }),
      calls: { value: ({ state }) => reply(state.value) },
      codeChange: (old, state) => ({
        value: `${(state as { value: string }).value}, changed from ${old} by ${version}`,
      }),
    });
    const args = (key: string): [string] => [key];
    return [version, placement({ name: "versioned", server: Versioned, args, handoff: "move" })] as const;
  }),
);

function versioned(version: "1" | "2" | "10") {
  return versions.get(version) as NonNullable<ReturnType<typeof versions.get>>;
}

/** Nodes on which a `restore` of these placements has begun; the first one never comes to its end. */
const beginnings: string[] = [];

const hangingOptions = {
  server: Book,
  args: (key: string): [string] => [key],
  handoff: "move" as const,
  restore: (state: Ledger): Ledger | Promise<Ledger> => {
    beginnings.push(self().pid.node);
    return beginnings.length === 1 ? new Promise<Ledger>(() => undefined) : state;
  },
};
const hanging = placement({ name: "hanging", ...hangingOptions });

const Stuck = genServer({
  name: "stuck",
  init: (): { readonly entries: readonly string[]; readonly stuck: () => void } => ({
    entries: [`began on ${self().pid.node}`],
    stuck: () => undefined,
  }),
  calls: { entries: ({ state }) => reply(state.entries) },
});
const stuck = placement({ name: "stuck", server: Stuck, args: () => [], handoff: "move" });

const books = placement({ name: "books", server: Book, args: (key: string) => [key], handoff: "move" });

function texts(those: readonly Site[]): readonly string[] {
  return those.flatMap(({ at }) => at.reports.map((report) => ("text" in report ? report.text : report.type)));
}

/** A key that `placed` has put on the node of `on`. */
async function keyOn(on: Site, placed: AnyPlacement = books): Promise<string> {
  for (let number = 1; ; number++) {
    const key = `book ${number}`;
    await on.at.run(() => placed.at(key).call.entries());
    if ((await on.at.run(() => placed.whereis(key)?.node)) === on.at.name) return key;
  }
}

/** Writes to all keys from one node, in casts, messages and calls in turn, until it is stopped. */
function writer(on: Site, name: string, keys: readonly string[]): () => Promise<number> {
  let isOver = false;
  const written = on.at.run(async () => {
    for (let number = 1; ; number++) {
      for (const key of keys) {
        const entry = `${name} ${number}`;
        if (number % 3 === 0) await books.at(key).with({ timeoutMs: 60_000 }).call.add(entry);
        else if (number % 3 === 1) books.at(key).cast.put(entry);
        else send(books.named(key), { type: "told", entry });
      }
      if (isOver) return number;
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  return () => {
    isOver = true;
    return written;
  };
}

/** Where `key` runs. */
async function holders(all: readonly Site[], key: string): Promise<Site[]> {
  const found: Site[] = [];
  for (const one of all) if (await one.at.run(() => books.local().some((own) => own.key === key))) found.push(one);
  return found;
}

describe("nodes that leave and come back", () => {
  test("cost nobody a message, double none and keep each sender's order", async () => {
    await using nodes = await TestCluster.make();
    const all = await sites(nodes, ["a", "b", "c"], books);
    const [a, b, c] = all as [Site, Site, Site];
    const keys = Array.from({ length: 12 }, (_, at) => `book ${at}`);
    const written = new Map<string, number>();
    const writers = new Map(
      all.map((one) => [one, { name: `${one.at.name}#0`, stop: writer(one, `${one.at.name}#0`, keys) }]),
    );
    const stop = async (one: Site): Promise<void> => {
      const { name, stop: end } = writers.get(one) as { name: string; stop: () => Promise<number> };
      written.set(name, await end());
    };
    for (const [turn, leaver] of [a, b, a, b].entries()) {
      await until(() => leaver.at.run(() => books.keys().length === keys.length));
      const result = await leaver.at.run(() => books.drain({ deadlineMs: 60_000 }));
      expect(result.moved).toBeGreaterThan(0);
      expect(result).toEqual({ moved: result.moved, restarted: 0, ended: 0, failed: 0 });
      // Its own writer has gone on meanwhile, and ends before the node does.
      await stop(leaver);
      await leaver.stop(books);
      await leaver.start(books);
      await known(all, books);
      // What starts here now are new keys: those of the others have stayed.
      for (let number = 0; number < 6; number++)
        await leaver.at.run(() => books.at(`turn ${turn} book ${number}`).call.entries());
      keys.push(...Array.from({ length: 6 }, (_, number) => `turn ${turn} book ${number}`));
      const name = `${leaver.at.name}#${turn + 1}`;
      writers.set(leaver, { name, stop: writer(leaver, name, keys.slice()) });
    }
    for (const one of all) await stop(one);
    for (const key of keys.slice(0, 12)) {
      const entries = await c.at.run(() => books.at(key).call.entries());
      for (const [name, count] of written) {
        const numbers = entries
          .filter((entry) => entry.startsWith(`${name} `))
          .map((entry) => Number(entry.split(" ")[1]));
        expect(numbers, `${name} in ${key}`).toEqual(Array.from({ length: count }, (_, at) => at + 1));
      }
      expect(entries.length).toBe([...written.values()].reduce((sum, count) => sum + count));
    }
    expect(texts(all)).toEqual([]);
  }, 120_000);
});

describe("two nodes that leave at once", () => {
  test("hand everything to the one that stays, and nothing to each other for good", async () => {
    await using nodes = await TestCluster.make();
    const all = (await sites(nodes, ["a", "b", "c"], books)) as [Site, Site, Site];
    const [a, b, c] = all;
    const keys = Array.from({ length: 30 }, (_, at) => `book ${at}`);
    for (const key of keys) await c.at.run(() => books.at(key).call.add("one"));
    const results = await Promise.all([a, b].map(({ at }) => at.run(() => books.drain({ deadlineMs: 60_000 }))));
    for (const { ended, failed, restarted } of results) expect([ended, failed, restarted]).toEqual([0, 0, 0]);
    await Promise.all([a.stop(books), b.stop(books)]);
    expect(await c.at.run(() => books.local().length)).toBe(30);
    for (const key of keys) expect(await c.at.run(() => books.at(key).call.entries())).toEqual(["one"]);
    expect(texts(all)).toEqual([]);
  });
});

describe("a process that moves", () => {
  test("is awaited in the middle of a handler, and what waited behind is answered by the next one", async () => {
    await using nodes = await TestCluster.make();
    const [a, b] = (await sites(nodes, ["a", "b"], books)) as [Site, Site];
    const key = await keyOn(a);
    const slow = b.at.run(() => books.at(key).call.slow("slow"));
    await until(() => gates.has("slow"));
    const behind = [a.at.run(() => books.at(key).call.add("from a")), b.at.run(() => books.at(key).call.add("from b"))];
    await b.at.run(() => books.at(key).cast.put("from b as well"));
    const drained = a.at.run(() => books.drain());
    await until(() => b.at.run(() => books.hosts().some(({ leaving }) => leaving)));
    const gated = b.at.run(() => books.at(key).call.add("while it moves"));
    gates.get("slow")?.();
    expect(await slow).toBe("slow");
    await Promise.all([...behind, gated]);
    expect((await drained).moved).toBe(1);
    const entries = await b.at.run(() => books.at(key).call.entries());
    expect(entries[0]).toBe("slow");
    expect(entries.filter((entry) => entry !== "from a")).toEqual([
      "slow",
      "from b",
      "from b as well",
      "while it moves",
    ]);
    expect(await b.at.run(() => books.whereis(key)?.node)).toBe(b.at.name);
  });

  test("can answer calls that it has put off, of its old node, of its new one and of a third", async () => {
    await using nodes = await TestCluster.make();
    const all = (await sites(nodes, ["a", "b", "c"], books)) as [Site, Site, Site];
    const [a, b, c] = all;
    const key = await keyOn(a);
    const answers = all.map(({ at }) => at.run(() => books.at(key).call.wait()));
    await until(() => a.at.run(async () => (await books.at(key).call.waiting()) === 3));
    expect((await a.at.run(() => books.drain())).moved).toBe(1);
    // And once more.
    const [second = b] = await holders(all, key);
    const third = second === b ? c : b;
    expect((await second.at.run(() => books.drain())).moved).toBe(1);
    await third.at.run(() => books.at(key).cast.answer("at last"));
    expect(await Promise.all(answers)).toEqual(["at last", "at last", "at last"]);
    expect(texts(all)).toEqual([]);
  });

  test("leaves a pid that leads to the next one, until its node goes: then monitors hear where it is", async () => {
    await using nodes = await TestCluster.make();
    const [a, b] = (await sites(nodes, ["a", "b"], books)) as [Site, Site];
    const key = await keyOn(a);
    await until(() => b.at.run(() => books.whereis(key) !== undefined));
    const old = (await b.at.run(() => books.whereis(key))) as Pid<Told>;
    const told = Promise.withResolvers<unknown>();
    b.at.start(async (self) => told.resolve((await self.receive(self.monitor(old).down)).reason));
    await a.at.run(() => books.drain());
    await b.at.run(async () => {
      send(old, { type: "told", entry: "by pid" });
      await Book.at(old as never).call.add("called by pid");
    });
    await a.at.run(() => Book.at(old as never).call.add("from a by pid"));
    const entries = await b.at.run(() => books.at(key).call.entries());
    expect(entries).toEqual(["by pid", "called by pid", "from a by pid"]);
    await a.stop(books);
    expect(String(await told.promise)).toBe("[object Object]");
    const { shutdown } = (await told.promise) as { shutdown: Tuple };
    expect(shutdown.elements[0]).toBe("moved");
    expect(shutdown.elements[1]).toBe(await b.at.run(() => books.whereis(key)));
  });

  test("is changed by the module of its next node when that has another version, the newest first", async () => {
    await using nodes = await TestCluster.make();
    const [a] = (await sites(nodes, ["a"], versioned("1"))) as [Site];
    const b = await site(nodes, "b");
    const c = await site(nodes, "c");
    await b.start(versioned("2"));
    await c.start(versioned("10"));
    await known([a, b, c], versioned("1"));
    const keys = Array.from({ length: 12 }, (_, at) => `key ${at}`);
    for (const key of keys) await a.at.run(() => versioned("1").at(key).call.value());
    const held = await a.at.run(() =>
      versioned("1")
        .local()
        .map(({ key }) => key),
    );
    expect(held.length).toBeGreaterThan(0);
    expect((await a.at.run(() => versioned("1").drain())).moved).toBe(held.length);
    for (const key of held) {
      expect(await a.at.run(() => versioned("1").whereis(key)?.node)).toBe(c.at.name);
      expect(await b.at.run(() => versioned("2").at(key).call.value())).toBe(`${key} begun by 1, changed from 1 by 10`);
    }
  });

  test("goes elsewhere when the node that was to take it dies in the middle of it", async () => {
    await using nodes = await TestCluster.make();
    const all = (await sites(nodes, ["a", "b", "c"], hanging)) as [Site, Site, Site];
    const [a, ...others] = all;
    const key = await keyOn(a, hanging);
    await a.at.run(() => hanging.at(key).call.add("kept"));
    beginnings.length = 0;
    const drained = a.at.run(() => hanging.drain({ deadlineMs: 60_000 }));
    await until(() => beginnings.length === 1);
    // Its restore waits for ever.
    const [first] = beginnings as [string];
    await (others.find(({ at }) => at.name === first) as Site).at.node.stop();
    expect(await drained).toEqual({ moved: 1, restarted: 0, ended: 0, failed: 0 });
    const survivor = others.find(({ at }) => at.name !== first) as Site;
    expect(await survivor.at.run(() => hanging.at(key).call.entries())).toEqual(["kept"]);
  });

  test("goes elsewhere when the node that was to take it takes too long", async () => {
    await using nodes = await TestCluster.make();
    const impatient = placement({ name: "impatient", ...hangingOptions, takeMs: 20 });
    const [a, b, c] = (await sites(nodes, ["a", "b", "c"], impatient)) as [Site, Site, Site];
    const key = await keyOn(a, impatient);
    await a.at.run(() => impatient.at(key).call.add("kept"));
    beginnings.length = 0;
    expect((await a.at.run(() => impatient.drain({ deadlineMs: 60_000 }))).moved).toBe(1);
    for (const { at } of [b, c]) expect(await at.run(() => impatient.at(key).call.entries())).toEqual(["kept"]);
  });

  test("starts afresh elsewhere, with its mailbox, when its state cannot travel, and that is reported", async () => {
    await using nodes = await TestCluster.make();
    const all = (await sites(nodes, ["a", "b"], stuck)) as [Site, Site];
    const [a, b] = all;
    const key = await keyOn(a, stuck);
    expect(await b.at.run(() => stuck.at(key).call.entries())).toEqual(["began on a@127.0.0.1"]);
    expect(await a.at.run(() => stuck.drain())).toEqual({ moved: 0, restarted: 1, ended: 0, failed: 0 });
    expect(await a.at.run(() => stuck.at(key).call.entries())).toEqual(["began on b@127.0.0.1"]);
    expect(texts(all)).toEqual([`the state of ${key} cannot travel: it starts afresh on another node`]);
    const [report] = a.at.reports;
    expect(String((report as { details: unknown }).details)).toContain("stuck");
  });
});

describe("what is handed over", () => {
  const modes = {
    move: placement({
      name: "moving",
      server: Journal,
      args: (key: string) => [key],
      handoff: "move",
      restore: (state, key) => ({ ...state, log: [...state.log, `restored ${key} on ${self().pid.node}`] }),
    }),
    snapshot: placement({
      name: "pictured",
      server: Journal,
      args: (key: string) => [key],
      handoff: "snapshot",
      snapshot: ({ log }) => log.join(),
      restore: (picture, key) => ready({ key, log: [`picture of ${picture}`] }, { continueWith: ["note", "went on"] }),
    }),
    restart: placement({ name: "restarting", server: Journal, args: (key: string) => [key], handoff: "restart" }),
    none: placement({ name: "ending", server: Journal, args: (key: string) => [key], handoff: "none" }),
  };
  const expected = {
    move: {
      result: { moved: 1, restarted: 0, ended: 0, failed: 0 },
      log: ["began on a", "one", "restored KEY on b", "waited", "after"],
    },
    snapshot: {
      result: { moved: 1, restarted: 0, ended: 0, failed: 0 },
      log: ["picture of began on a,one", "went on", "waited", "after"],
    },
    restart: {
      result: { moved: 0, restarted: 1, ended: 0, failed: 0 },
      log: ["began on b", "waited", "after"],
    },
    none: { result: { moved: 0, restarted: 0, ended: 1, failed: 0 }, log: ["began on b", "after"] },
  };
  for (const mode of ["move", "snapshot", "restart", "none"] as const)
    test(`is what "${mode}" says`, async () => {
      const journals = modes[mode] as typeof modes.move;
      await using nodes = await TestCluster.make();
      const all = (await sites(nodes, ["a", "b"], journals)) as [Site, Site];
      const [a, b] = all;
      let key = "";
      for (let number = 1; key === ""; number++) {
        await a.at.run(() => journals.at(`journal ${number}`).call.log());
        if ((await a.at.run(() => journals.whereis(`journal ${number}`)?.node)) === a.at.name)
          key = `journal ${number}`;
      }
      ends.length = 0;
      await a.at.run(() => journals.at(key).cast.note("one"));
      const held = a.at.run(() => journals.at(key).call.hold());
      await until(() => gates.has("hold"));
      await a.at.run(() => journals.at(key).cast.note("waited"));
      const others = (await a.at.run(() => journals.local().length)) - 1;
      const drained = a.at.run(() => journals.drain());
      await until(() => b.at.run(() => journals.hosts().some(({ leaving }) => leaving)));
      gates.get("hold")?.();
      gates.delete("hold");
      await held.catch(() => undefined);
      const total = Object.fromEntries(
        Object.entries(expected[mode].result).map(([outcome, count]) => [outcome, count * (1 + others)]),
      );
      expect(await drained).toEqual(total);
      await a.at.run(() => journals.at(key).cast.note("after"));
      const short = (line: string): string => line.replaceAll("@127.0.0.1", "").replace(key, "KEY");
      const log = await a.at.run(() => journals.at(key).call.log());
      expect(log.map(short)).toEqual(expected[mode].log);
      // Who begins afresh is told of the end of the one before, as by a supervisor; who goes on has not ended.
      expect(ends.includes(key)).toBe(mode === "restart" || mode === "none");
      expect(texts(all)).toEqual([]);
    });

  test("goes in the order of its priority, so many at once", async () => {
    const order: string[] = [];
    const heard = (event: unknown): void => void order.push((event as { key: string }).key);
    const ranked = placement({
      name: "ranked",
      server: Book,
      args: (key: string) => [key],
      handoff: "move",
      concurrency: 1,
      priority: (key) => Number(key),
    });
    await using nodes = await TestCluster.make();
    const [a, b] = (await sites(nodes, ["a", "b"], ranked)) as [Site, Site];
    for (let number = 1; number <= 20; number++) await b.at.run(() => ranked.at(String(number)).call.entries());
    const keys = await a.at.run(() => ranked.local().map(({ key }) => key));
    subscribe("interlock:placement.handoff", heard);
    await a.at.run(() => ranked.drain());
    unsubscribe("interlock:placement.handoff", heard);
    expect(order).toEqual(keys.toSorted((one, other) => Number(other) - Number(one)));
  });

  test("is what could be, when the time is up: the rest has ended, was saved, and is counted and reported", async () => {
    const saved = new Map<string, unknown>();
    const kept = placement({
      name: "kept",
      server: Book,
      args: (key: string) => [key],
      handoff: "move",
      store: {
        save: async (key, state) => void saved.set(key, state),
        load: async (key) => {
          const state = saved.get(key);
          saved.delete(key);
          return state;
        },
      },
    });
    await using nodes = await TestCluster.make();
    const [a] = (await sites(nodes, ["a"], kept)) as [Site];
    await a.at.run(() => kept.at("book").call.add("one"));
    // Nobody is there to take it.
    expect(await a.at.run(() => kept.drain({ deadlineMs: 60_000 }))).toEqual({
      moved: 0,
      restarted: 0,
      ended: 0,
      failed: 1,
    });
    expect(saved.get("book")).toMatchObject({ entries: ["one"] });
    expect(texts([a])).toEqual(["not handed over, so to be started afresh when used next: book"]);
    await a.stop(kept);
    await a.start(kept);
    await known([a], kept);
    expect(await a.at.run(() => kept.at("book").call.add("two"))).toBe(2);
    expect(saved.size).toBe(0);
  });

  test("does not wait for a handler that never returns longer than it was given", async () => {
    await using nodes = await TestCluster.make();
    const [a, b] = (await sites(nodes, ["a", "b"], books)) as [Site, Site];
    const key = await keyOn(a);
    const call = a.at.run(() =>
      books
        .at(key)
        .call.slow("for ever")
        .catch((error: unknown) => error),
    );
    await until(() => gates.has("for ever"));
    const { failed } = await a.at.run(() => books.drain({ deadlineMs: 50 }));
    expect(failed).toBe(1);
    await a.stop(books);
    expect(isError(await call, "INTERLOCK_CALLEE_EXIT")).toBe(true);
    expect(await b.at.run(() => books.at(key).call.entries())).toEqual([]);
  });
});

describe("nodes that join", () => {
  test("are given the keys that are theirs, if that is asked for, and nothing is lost by it", async () => {
    const balanced = placement({
      name: "balanced",
      server: Book,
      args: (key: string) => [key],
      handoff: "move",
      rebalance: true,
    });
    await using nodes = await TestCluster.make();
    const [a] = (await sites(nodes, ["a"], balanced)) as [Site];
    const keys = Array.from({ length: 20 }, (_, at) => `book ${at}`);
    for (const key of keys) await a.at.run(() => balanced.at(key).call.add("one"));
    const b = await site(nodes, "b");
    await b.start(balanced);
    await until(() => b.at.run(() => balanced.local().length >= 4));
    for (const key of keys) {
      await a.at.run(() => balanced.at(key).call.add("two"));
      expect(await b.at.run(() => balanced.at(key).call.entries())).toEqual(["one", "two"]);
    }
    expect(texts([a, b])).toEqual([]);
  });
});
