/** What the tree of a pod heals by itself, for which Kubernetes has nothing to do; and what it cannot, which costs one restart. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./eventually.ts";
import { type Keeper, Keepers } from "./failures/keepers.ts";
import { Ledger } from "./failures/ledger.ts";
import { describeOnMachines } from "./failures/machines.ts";
import { say } from "./kubernetes.ts";

const RESTART_MS = 15_000;

describeOnMachines("inside of a pod", () => {
  let keepers: Keepers;
  let ledger: Ledger;
  beforeAll(async () => {
    ledger = await Ledger.open();
    keepers = await Keepers.deploy("inside", ledger);
  });
  afterAll(async () => {
    await keepers?.[Symbol.asyncDispose]();
    ledger?.[Symbol.dispose]();
  });

  test.each([
    { path: "/break/process", what: "a process that crashes", starts: 1, wardStarts: 0 },
    { path: "/break/stray", what: "an exception that nobody catches", starts: 1, wardStarts: 0 },
    { path: "/break/loop", what: "a process that crashes each time it starts", starts: 4, wardStarts: 1 },
  ])("$what is healed, and no container is restarted", async ({ path, starts, wardStarts, what }) => {
    const [keeper] = (await keepers.all()) as [Keeper];
    const { startedAt, ward } = await keeper.state();
    const beganMs = performance.now();
    await keeper.act(path);
    await eventually("the process runs again", async () => {
      const { ward: now } = await keeper.state();
      return now.starts >= ward.starts + starts && now.wardStarts >= ward.wardStarts + wardStarts ? now : undefined;
    });
    say(`${what}: healed after ${Math.round(performance.now() - beganMs)} ms`);
    await eventually("the pod is ready", () => keeper.ready());
    expect((await keeper.state()).startedAt).toBe(startedAt);
    expect((await keepers.oneCluster(3)).map(({ restarts }) => restarts)).toEqual([0, 0, 0]);
  });

  test("meanwhile nothing was lost between the nodes, and the clerk wrote under one term", async () => {
    for (const keeper of await keepers.all())
      expect((await keeper.state()).letters).toMatchObject({ lost: 0, doubled: 0 });
    expect(ledger.refused).toEqual([]);
    expect(new Set(ledger.entries.map(({ token }) => token)).size).toBe(1);
  });

  test.each([
    { path: "/break/root", what: "a root supervisor that gives up", exitCode: 1, at: 1 },
    { path: "/break/hang", what: "a main thread that hangs", exitCode: 137, at: 2 },
  ])("$what costs exactly one restart of its container, within 15 s", async ({ at, exitCode, path, what }) => {
    const keeper = (await keepers.all())[at] as Keeper;
    const brokenAt = Date.now();
    const acting = keeper.act(path);
    const restarted = await eventually("its container is restarted", async () => {
      const now = await keepers.named(keeper.name);
      return now.restarts > 0 && now.isReady ? now : undefined;
    });
    await acting;
    const { startedAt } = await restarted.state();
    say(`${what}: its program began anew ${Math.round(startedAt - brokenAt)} ms later`);
    expect(restarted.exitCode).toBe(exitCode);
    expect(startedAt - brokenAt).toBeLessThan(RESTART_MS);
    const others = (await keepers.oneCluster(3)).filter(({ name }) => name !== keeper.name);
    expect((await keepers.named(keeper.name)).restarts).toBe(1);
    expect(others.reduce((sum, { restarts }) => sum + restarts, 0)).toBe(at - 1);
  });

  test("through all of it no stale write was accepted", () => {
    expect(ledger.entries.length).toBeGreaterThan(0);
    expect(ledger.staleAccepted).toEqual([]);
  });
});
