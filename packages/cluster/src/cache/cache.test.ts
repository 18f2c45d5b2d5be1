import { subscribe, unsubscribe } from "node:diagnostics_channel";
import {
  exit,
  LocalNode,
  local,
  nodeRuntime,
  type Pid,
  processes,
  processInfo,
  type Report,
  supervisor,
  whereis,
} from "@interlock/core";
import { spawnProcess } from "@interlock/core/distribution";
import { describe, expect, test } from "vitest";

import { type CacheOptions, cache, type LoadingCache } from "./cache.ts";

/** A node whose time the test moves. */
class Clocked {
  readonly node: LocalNode;
  readonly reports: Report[] = [];
  readonly #alarms = new Set<{ readonly dueMs: number; readonly callback: () => void }>();
  #nowMs = 1_000;

  constructor() {
    this.node = new LocalNode({
      runtime: {
        ...nodeRuntime,
        clock: { now: () => this.#nowMs, wallTime: () => 1_000_000 + this.#nowMs },
        timers: {
          set: (callback, delayMs) => {
            const alarm = { dueMs: this.#nowMs + delayMs, callback };
            this.#alarms.add(alarm);
            return alarm;
          },
          clear: (alarm) => void this.#alarms.delete(alarm as never),
        },
      },
    });
    this.node.onReport = (report) => void this.reports.push(report);
    this.node.progress = false;
  }

  advance(byMs: number): void {
    this.#nowMs += byMs;
    for (const alarm of [...this.#alarms])
      if (alarm.dueMs <= this.#nowMs && this.#alarms.delete(alarm)) alarm.callback();
  }

  run<T>(body: () => T | Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const steps = async (): Promise<void> => {
        try {
          resolve(await body());
        } catch (error) {
          reject(error as Error);
        }
      };
      spawnProcess(this.node, steps, undefined, false, undefined);
    });
  }

  /** Starts the cache under a supervisor. */
  start(of: Pick<LoadingCache<string, unknown>, "child">): Promise<unknown> {
    const sup = supervisor({ name: "sup", strategy: "one_for_one", intensity: 10, children: () => [of.child()] });
    return this.run(() => sup.start());
  }

  /** Whoever is asked for next has run. */
  async settle(): Promise<void> {
    for (let round = 0; round < 3; round++) await this.run(() => new Promise((resolve) => void setImmediate(resolve)));
  }
}

/** A load that the test answers. */
class Source {
  readonly asked: string[] = [];
  readonly signals: AbortSignal[] = [];
  #answers: PromiseWithResolvers<string>[] = [];
  load = (key: string, signal: AbortSignal): Promise<string> => {
    this.asked.push(key);
    this.signals.push(signal);
    const answer = Promise.withResolvers<string>();
    this.#answers.push(answer);
    return answer.promise;
  };
  give(value: string): void {
    this.#answers.shift()?.resolve(value);
  }
  fail(error: Error): void {
    this.#answers.shift()?.reject(error);
  }
}

async function loading(
  options: Partial<CacheOptions> & { readonly errorTtlMs?: number; readonly loadMs?: number } = {},
): Promise<{ at: Clocked; source: Source; articles: LoadingCache<string, string> }> {
  const at = new Clocked();
  const source = new Source();
  const articles = cache<string, string>({
    name: "articles",
    mode: "local",
    node: at.node,
    load: source.load,
    ...options,
  });
  await at.start(articles);
  return { at, source, articles };
}

function thrownBy(act: () => void): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

function crash(at: Clocked): Promise<void> {
  return at.run(() => exit(whereis(local("articles")) as Pid, { error: new Error("bad luck") }));
}

describe("a hundred that ask at once", () => {
  test("wait for one load, and are given its value", async () => {
    const { articles, at, source } = await loading();
    const all = Array.from({ length: 100 }, () => at.run(() => articles.fetch("k")));
    await at.settle();
    expect(source.asked).toEqual(["k"]);
    source.give("v");
    expect(new Set((await Promise.all(all)).map(({ value }) => value))).toEqual(new Set(["v"]));
    expect(articles.get("k")).toBe("v");
    expect(articles.statistics()).toMatchObject({ loads: 1, misses: 100, hits: 1, size: 1 });
  });

  test("are all told of its failure, and the next one loads anew", async () => {
    const { articles, at, source } = await loading();
    const all = Array.from({ length: 100 }, () => articles.fetch("k"));
    await at.settle();
    const failure = new Error("the database is away");
    source.fail(failure);
    for (const one of await Promise.allSettled(all)) expect(one).toEqual({ status: "rejected", reason: failure });
    const again = articles.get("k");
    await at.settle();
    source.give("v");
    expect(await again).toBe("v");
    expect([source.asked, articles.statistics().failures, at.reports]).toEqual([["k", "k"], 1, []]);
  });

  test("wait for one load each key", async () => {
    const { articles, at, source } = await loading();
    const both = [articles.fetch("k"), articles.fetch("l"), articles.fetch("k")];
    await at.settle();
    expect(source.asked).toEqual(["k", "l"]);
    source.give("of k");
    source.give("of l");
    expect((await Promise.all(both)).map(({ value }) => value)).toEqual(["of k", "of l", "of k"]);
  });
});

describe("a failed load", () => {
  test("is not tried again for errorTtlMs, unless the key is written", async () => {
    const { articles, at, source } = await loading({ errorTtlMs: 50 });
    const first = articles.fetch("k");
    await at.settle();
    source.fail(new Error("away"));
    await expect(first).rejects.toThrow("away");
    await expect(articles.fetch("k")).rejects.toThrow("away");
    expect(source.asked).toEqual(["k"]);
    at.advance(50);
    void Promise.resolve(articles.get("k")).catch(() => undefined);
    await at.settle();
    expect(source.asked).toEqual(["k", "k"]);
    source.fail(new Error("away"));
    await at.settle();
    articles.set("k", "written");
    articles.delete("k");
    const last = articles.fetch("k");
    await at.settle();
    source.give("v");
    expect((await last).value).toBe("v");
  });

  test("that gives nothing in time, or whose process is ended, has a coded error", async () => {
    const { articles, at, source } = await loading({ loadMs: 70 });
    const late = articles.fetch("k");
    await at.settle();
    at.advance(70);
    await expect(late).rejects.toMatchObject({
      code: "INTERLOCK_CACHE_LOAD",
      details: { cache: "articles", key: "k" },
    });
    expect(source.signals[0]?.aborted).toBe(true);
    const ended = cache<string, string>({
      name: "ended",
      mode: "local",
      node: at.node,
      load: () => at.run(() => new Promise<never>(() => undefined)),
    });
    await at.start(ended);
    const never = ended.fetch("k");
    await at.settle();
    await at.run(() => {
      const load = processes().find((pid) => processInfo(pid)?.label === "ended load");
      exit(load as Pid, "kill");
    });
    await expect(never).rejects.toThrow("Cache ended cannot load k: its process ended: killed");
  });
});

describe("a stale value", () => {
  test("is given at once with its age while one load runs behind, and is kept when that fails", async () => {
    const { articles, at, source } = await loading({ ttlMs: 100, staleMs: 1_000 });
    articles.set("k", "old");
    at.advance(99);
    expect(await articles.fetch("k")).toEqual({ value: "old", ageMs: 99, stale: false });
    at.advance(1);
    expect(await articles.fetch("k")).toEqual({ value: "old", ageMs: 100, stale: true });
    expect(articles.get("k")).toBe("old");
    await at.settle();
    expect(source.asked).toEqual(["k"]);
    source.fail(new Error("away"));
    await at.settle();
    expect(articles.get("k")).toBe("old");
    await at.settle();
    source.give("new");
    await at.settle();
    expect(await articles.fetch("k")).toEqual({ value: "new", ageMs: 0, stale: false });
    expect(articles.statistics()).toMatchObject({ stale: 3, hits: 2, loads: 2, failures: 1, misses: 0 });
  });

  test("is not given after staleMs", async () => {
    const { articles, at, source } = await loading({ ttlMs: 100, staleMs: 10 });
    articles.set("k", "old");
    at.advance(110);
    expect(articles.peek("k")).toBeUndefined();
    const found = articles.get("k");
    await at.settle();
    source.give("new");
    expect(await found).toBe("new");
  });
});

describe("a write while a load runs", () => {
  test("stays, and whoever asks after a delete does not get what was loaded before it", async () => {
    const { articles, at, source } = await loading();
    const first = articles.fetch("k");
    await at.settle();
    articles.set("k", "written");
    source.give("outdated");
    expect((await first).value).toBe("outdated");
    expect(articles.get("k")).toBe("written");
    articles.delete("k");
    const second = articles.fetch("k");
    await at.settle();
    articles.delete("k");
    const third = articles.fetch("k");
    await at.settle();
    source.give("before the delete");
    await at.settle();
    const fourth = articles.fetch("k");
    await at.settle();
    expect(source.asked, "the first to land leaves the other one its place").toHaveLength(3);
    source.give("after the delete");
    expect([(await second).value, (await third).value]).toEqual(["before the delete", "after the delete"]);
    expect((await fourth).value).toBe("after the delete");
    expect(articles.peek("k")).toBe("after the delete");
    expect(articles.statistics()).toMatchObject({ loads: 3, outdated: 2 });
  });
});

describe("when the cache's process", () => {
  test("crashes, those that wait get their value, others load for themselves or are told, and it begins empty", async () => {
    const { articles, at, source } = await loading();
    articles.set("l", "lost");
    const waiting = articles.fetch("k");
    await at.settle();
    const down = await at.run(() => {
      exit(whereis(local("articles")) as Pid, "kill");
      return { read: articles.fetch("l"), written: thrownBy(() => articles.set("k", "v")) };
    });
    expect(down.written).toMatchObject({
      code: "INTERLOCK_CACHE_DOWN",
      details: { cache: "articles", operation: "set" },
    });
    await at.settle();
    source.give("of k");
    source.give("of l");
    expect((await waiting).value).toBe("of k");
    expect((await down.read).value).toBe("of l");
    await at.settle();
    expect([articles.peek("k"), articles.statistics().size]).toEqual([undefined, 0]);
  });

  test("does not run, writes have a coded error and reads load", async () => {
    const at = new Clocked();
    const articles = cache<string, string>({
      name: "articles",
      mode: "local",
      node: at.node,
      load: async (key) => `of ${key}`,
    });
    for (const write of [() => articles.set("k", "v"), () => articles.delete("k"), () => articles.clear()])
      expect(write).toThrow(expect.objectContaining({ code: "INTERLOCK_CACHE_DOWN" }));
    expect([articles.peek("k"), await articles.get("k")]).toEqual([undefined, "of k"]);
    expect(await articles.fetch("k")).toEqual({ value: "of k", ageMs: 0, stale: false });
  });

  test("is shut down, its loads end and those that wait are told", async () => {
    const { articles, at, source } = await loading();
    const waiting = articles.fetch("k");
    await at.settle();
    await at.run(() => exit(whereis(local("articles")) as Pid, "shutdown"));
    await expect(waiting).rejects.toMatchObject({ code: "INTERLOCK_CACHE_LOAD" });
    expect(source.signals[0]?.aborted).toBe(true);
  });

  test("crashes again and again, its supervisor starts it again", async () => {
    const { articles, at } = await loading();
    for (let round = 0; round < 3; round++) {
      articles.set("k", `${round}`);
      await crash(at);
      await at.settle();
      expect(articles.peek("k")).toBeUndefined();
    }
  });
});

test("what happens is told on diagnostics channels", async () => {
  const { articles, at, source } = await loading();
  const heard: unknown[] = [];
  const hear = (event: unknown): void => void heard.push(event);
  subscribe("interlock:cache.load", hear);
  const failure = new Error("away");
  const all = [articles.fetch("k"), articles.fetch("l")];
  await at.settle();
  source.give("v");
  source.fail(failure);
  await Promise.allSettled(all);
  unsubscribe("interlock:cache.load", hear);
  const from = { cache: "articles", node: "nonode@nohost" };
  expect(heard).toEqual([
    { ...from, key: "k", error: undefined },
    { ...from, key: "l", error: failure },
  ]);
});

test.each([
  ["name", { name: "" }],
  ["mode", { mode: "shared" }],
  ["ttlMs", { ttlMs: -1 }],
  ["staleMs", { staleMs: Number.NaN }],
  ["maxEntries", { maxEntries: 0.5 }],
])("a bad %s is refused by its name", (option, bad) => {
  expect(() => cache({ name: "c", mode: "local", ...(bad as object) })).toThrow(
    expect.objectContaining({ code: "INTERLOCK_NODE_OPTION", details: expect.objectContaining({ option }) }),
  );
});

test("a key that no Map of another node would find again is refused", async () => {
  const { articles } = await loading();
  expect(() => articles.set({} as never, "v")).toThrow("Bad key");
});
