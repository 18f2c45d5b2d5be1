import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createNode } from "@interlock/cluster";
import { LocalNode } from "@interlock/core";
import { afterEach, describe, expect, test } from "vitest";
import { type LocalPlatformOptions, localPlatform } from "./local-platform.ts";
import type { NodeSpec, Platform, PlatformNode } from "./platform.ts";
import { next, nodeOf, Page, until, untilGone } from "./waiting.fixture.ts";

const entry = new URL("./node-program.fixture.ts", import.meta.url);
const platforms: Platform[] = [];
const folder = mkdtempSync(join(tmpdir(), "interlock-platform-"));

afterEach(async () => {
  for (const platform of platforms.splice(0)) {
    // Three times: whatever a test has left goes at once.
    void platform.close();
    void platform.close();
    await platform.close();
  }
  for (const file of readdirSync(folder)) rmSync(join(folder, file));
});

interface Launched {
  readonly platform: Platform;
  readonly stdout: Page;
  readonly stderr: Page;
}

async function launch(spec: Partial<NodeSpec> = {}, options: LocalPlatformOptions = {}): Promise<Launched> {
  const [stdout, stderr] = [new Page(), new Page()];
  const platform = await localPlatform({ stdout, stderr, ...options });
  platforms.push(platform);
  await platform.start({ app: "news", entry, nodes: 2, ...spec });
  return { platform, stdout, stderr };
}

const isReady = ({ state }: PlatformNode): boolean => state === "ready";
const allReady = (nodes: readonly PlatformNode[]): boolean => nodes.every(isReady);
const states = (platform: Platform): string[] => platform.nodes().map(({ state }) => state);

async function serves(node: PlatformNode | undefined): Promise<unknown> {
  const answer = await fetch(node?.url ?? "http://none.invalid");
  return ((await answer.json()) as { readonly id: string }).id;
}

describe("a platform of this machine", () => {
  test("starts nodes under names of their own, and each serves where it says", async () => {
    const { platform, stdout } = await launch();
    expect(states(platform)).toEqual(["starting", "starting"]);
    await until(platform, allReady);
    const nodes = platform.nodes();
    expect(nodes.map(({ id, name }) => [id, name])).toEqual([
      ["news-1", "news-1@127.0.0.1"],
      ["news-2", "news-2@127.0.0.1"],
    ]);
    expect(await Promise.all(nodes.map(serves))).toEqual(["news-1", "news-2"]);
    expect(stdout.text).toContain("news-1 │ news-1 starts\n");
  });

  test("starts a node again that was killed, as the same node with another process", async () => {
    const { platform } = await launch();
    await until(platform, allReady);
    const before = nodeOf(platform, "news-2");
    const [failed, again] = [
      next(platform, "news-2", ({ state }) => state === "failed"),
      next(platform, "news-2", isReady),
    ];
    await platform.kill("news-2");
    expect((await failed).reason).toBe("was ended by SIGKILL; starts again");
    const after = await again;
    expect(after.pid).not.toBe(before?.pid);
    expect(after).toMatchObject({ name: before?.name, restarts: 1 });
    expect(await serves(after)).toBe("news-2");
  });

  test("waits longer after each crash, and says until when", async () => {
    const { platform } = await launch(
      { nodes: 1, env: { MODE: "failing" } },
      { limits: { pauseMs: 3_600_000, longestPauseMs: 7_200_000 } },
    );
    const failed = await next(platform, "news-1", ({ state, restarts }) => state === "failed" && restarts === 1);
    expect(failed.reason).toBe("ended with code 1; starts again in 3600 s");
    const starting = next(platform, "news-1", ({ state }) => state === "starting");
    await platform.startAgain("news-1");
    expect((await starting).restarts).toBe(1);
  });

  test("kills a node that does not become ready in time, and starts it again", async () => {
    const { platform } = await launch(
      { nodes: 1, env: { MODE: "mute" } },
      { limits: { startupMs: 500, pauseMs: 3_600_000, longestPauseMs: 7_200_000 } },
    );
    const failed = await next(platform, "news-1", ({ state }) => state === "failed");
    expect(failed.reason).toContain("was ended by SIGKILL");
  });

  test("stops a node politely, leaves it stopped, and starts it when asked", async () => {
    const { platform, stdout } = await launch({ env: { BYE: folder } });
    await until(platform, allReady);
    const seen: string[] = [];
    platform.watch(({ id, state }) => void seen.push(`${id} ${state}`));
    const stopped = next(platform, "news-1", ({ state }) => state === "stopped");
    await platform.stop("news-1");
    expect(nodeOf(platform, "news-1")?.state).toBe("draining");
    expect(await stopped).toMatchObject({ reason: "ended with code 0", pid: undefined, url: undefined });
    expect(readdirSync(folder)).toEqual(["news-1"]);
    expect(stdout.text).toContain("news-1 │ bye\n");
    expect(seen).toEqual(["news-1 draining", "news-1 stopped"]);
    const ready = next(platform, "news-1", isReady);
    await platform.startAgain("news-1");
    expect(await ready).toMatchObject({ restarts: 0 });
  });

  test("starts a node that is wanted again while it stops, once it has stopped", async () => {
    const { platform } = await launch({ nodes: 1 });
    await until(platform, allReady);
    const before = nodeOf(platform, "news-1")?.pid;
    const again = next(platform, "news-1", isReady);
    await platform.stop("news-1");
    await platform.startAgain("news-1");
    expect(nodeOf(platform, "news-1")).toMatchObject({ state: "draining", pid: before });
    expect((await again).pid).not.toBe(before);
  });

  test("kills a node that will not stop, after its grace", async () => {
    const { platform, stdout } = await launch({ nodes: 1, env: { MODE: "stubborn" } }, { limits: { graceMs: 500 } });
    await until(platform, allReady);
    const stopped = next(platform, "news-1", ({ state }) => state === "stopped");
    await platform.stop("news-1");
    expect((await stopped).reason).toBe("was ended by SIGKILL");
    expect(stdout.text).toContain("news-1 │ no\n");
  });

  test("takes a node's own word that it drains", async () => {
    const { platform } = await launch({ nodes: 1 });
    await until(platform, allReady);
    const { url } = nodeOf(platform, "news-1") as PlatformNode;
    const drains = next(platform, "news-1", ({ state }) => state === "draining");
    await fetch(`${url}/drain`);
    await drains;
  });

  test("kills a node whose main thread hangs, which says so, and starts it again", async () => {
    const { platform, stderr } = await launch({ nodes: 1 }, { hangMs: 1_000 });
    await until(platform, allReady);
    const { url } = nodeOf(platform, "news-1") as PlatformNode;
    const again = next(platform, "news-1", isReady);
    await expect(fetch(`${url}/hang`)).rejects.toThrow();
    await again;
    expect(stderr.text).toContain("news-1 │ The main thread has not turned for 1000 ms: this node is ended.\n");
  });

  test("has more nodes, or fewer, as asked: the last ones go, politely", async () => {
    const { platform } = await launch({ nodes: 1, env: { BYE: folder } });
    await platform.scale(3);
    await until(platform, (nodes) => nodes.length === 3 && allReady(nodes));
    const gone = next(platform, "news-2", ({ state }) => state === "stopped");
    await platform.scale(1);
    await gone;
    await until(platform, (nodes) => nodes.length === 1);
    expect(states(platform)).toEqual(["ready"]);
    expect(readdirSync(folder)).toEqual(["news-2", "news-3"]);
  });

  test("ends when all nodes have ended politely", async () => {
    const { platform } = await launch({ env: { BYE: folder } });
    await until(platform, allReady);
    const pids = platform.nodes().map(({ pid }) => pid as number);
    await platform.close();
    await untilGone(...pids);
    expect(readdirSync(folder)).toEqual(["news-1", "news-2"]);
    expect(platform.nodes()).toEqual([]);
  });

  test("kills what has not ended when it is closed three times", async () => {
    const hour = 3_600_000;
    const { platform } = await launch({ env: { MODE: "stubborn" } }, { limits: { graceMs: hour, hurryMs: hour } });
    await until(platform, allReady);
    const closed = platform.close();
    void platform.close();
    void platform.close();
    await closed;
    expect(platform.nodes()).toEqual([]);
  });

  test("says so of a node that it does not have, and of options that make no sense", async () => {
    const { platform } = await launch({ nodes: 1 });
    await expect(platform.kill("news-7")).rejects.toMatchObject({
      code: "INTERLOCK_NO_SUCH_NODE",
      message: "There is no node news-7: there are news-1",
    });
    await expect(platform.scale(-1)).rejects.toMatchObject({ code: "INTERLOCK_LAUNCH_OPTION" });
    await expect(platform.start({ app: "b", entry, nodes: 1 })).rejects.toMatchObject({
      code: "INTERLOCK_LAUNCH_OPTION",
    });
    await expect(launch({ app: "no spaces" })).rejects.toMatchObject({ code: "INTERLOCK_LAUNCH_OPTION" });
  });
});

describe("a node of the platform", () => {
  const ask = async (url: string, query: string): Promise<unknown> => (await fetch(`${url}/platform${query}`)).json();

  test("sees all nodes, kills and stops others, and starts them again", async () => {
    const { platform } = await launch();
    await until(platform, allReady);
    const { url = "" } = nodeOf(platform, "news-1") as PlatformNode;
    expect(await ask(url, "")).toEqual(JSON.parse(JSON.stringify(platform.nodes())));
    const again = next(platform, "news-2", isReady);
    expect(await ask(url, "?act=kill&id=news-2")).toBe("done");
    await again;
    const stopped = next(platform, "news-2", ({ state }) => state === "stopped");
    expect(await ask(url, "?act=stop&id=news-2")).toBe("done");
    await stopped;
    const started = next(platform, "news-2", isReady);
    expect(await ask(url, "?act=start&id=news-2")).toBe("done");
    await started;
  });

  test("is of one cluster with the others, also after it was started again, and with guests", async () => {
    const { platform } = await launch({ env: { MODE: "cluster" } });
    await until(platform, allReady);
    const connect = async (to: string): Promise<unknown> => {
      const { url = "" } = nodeOf(platform, "news-1") as PlatformNode;
      return (await fetch(`${url}/connect?to=${to}`)).json();
    };
    expect(await connect("news-2@127.0.0.1")).toEqual({ id: "news-1", nodes: ["news-2@127.0.0.1"] });
    const again = next(platform, "news-2", isReady);
    await platform.kill("news-2");
    await again;
    await using guest = await createNode({ ...platform.guest("desk"), local: new LocalNode() });
    expect(await connect(guest.name)).toMatchObject({ nodes: expect.arrayContaining(["desk@127.0.0.1"]) });
    expect(await connect("news-2@127.0.0.1")).toMatchObject({ nodes: expect.arrayContaining(["news-2@127.0.0.1"]) });
  });

  test("hears what could not be done", async () => {
    const { platform } = await launch({ nodes: 1 });
    await until(platform, allReady);
    const { url = "" } = nodeOf(platform, "news-1") as PlatformNode;
    expect(await ask(url, "?act=kill&id=other")).toEqual({ code: "INTERLOCK_PLATFORM_REQUEST" });
  });
});
