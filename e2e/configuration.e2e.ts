/** Settings, certificates and the cookie change while the pods serve: none of them begins anew, and nothing is lost. */
import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./eventually.ts";
import { type Keeper, Keepers, type State } from "./failures/keepers.ts";
import { Ledger } from "./failures/ledger.ts";
import { describeOnMachines } from "./failures/machines.ts";
import { problemsOf, told, Visitors } from "./failures/visitors.ts";
import { say } from "./kubernetes.ts";

/** Until the kubelet has looked: a minute and a half elsewhere, seconds on the fixture. */
const SPREAD_MS = 120_000;

describeOnMachines("while it serves", () => {
  let keepers: Keepers;
  let ledger: Ledger;
  let visitors: Visitors;
  let before: readonly string[];
  beforeAll(async () => {
    ledger = await Ledger.open();
    keepers = await Keepers.deploy("configuration", ledger);
    before = await lives(await keepers.all());
    const service = `http://keeper.${keepers.namespace.name}.svc.cluster.local`;
    visitors = await Visitors.come(keepers, { targets: { service }, perSecond: 60, idlers: 20 });
  });
  afterAll(async () => {
    await keepers?.[Symbol.asyncDispose]();
    ledger?.[Symbol.dispose]();
  });

  const lives = async (all: readonly Keeper[]): Promise<readonly string[]> =>
    (await Promise.all(all.map((one) => one.state()))).map(({ pod, startedAt }) => `${pod} ${startedAt}`).sort();

  async function spread(what: string, has: (state: State) => boolean): Promise<void> {
    const beganMs = performance.now();
    await eventually(
      what,
      async () => {
        const states = await Promise.all((await keepers.all()).map((one) => one.state()));
        return states.length === 3 && states.every(has);
      },
      SPREAD_MS,
    );
    say(`${what} after ${((performance.now() - beganMs) / 1_000).toFixed(1)} s`);
  }

  test("a change of the ConfigMap is applied in all pods", async () => {
    await keepers.set({ greeting: "Good evening", pace: "20" });
    await spread(
      "the greeting has changed",
      ({ settings }) => settings.greeting === "Good evening" && settings.pace === 20,
    );
    expect(await lives(await keepers.all())).toEqual(before);
  });

  test("a change of a Secret is, too, and shown nowhere", async () => {
    await keepers.setPassword("close sesame");
    const hash = createHash("sha256").update("close sesame").digest("hex");
    await spread("the password has changed", ({ settings }) => settings.passwordHash === hash);
    for (const keeper of await keepers.all()) expect(JSON.stringify(await keeper.status())).not.toContain("sesame");
    expect(await keepers.interlock("status", "-o", "yaml")).not.toContain("sesame");
    expect(await lives(await keepers.all())).toEqual(before);
  });

  test("a change that is wrong is refused in all pods, which stay ready and say why", async () => {
    await keepers.set({ greeting: "Good night", pace: "quick" });
    await eventually(
      "it is refused",
      async () => {
        const all = await Promise.all((await keepers.all()).map((one) => one.status()));
        return all.every(({ config: [first] }) => first?.refused?.includes("pace"));
      },
      SPREAD_MS,
    );
    for (const keeper of await keepers.oneCluster(3)) {
      expect((await keeper.state()).settings).toMatchObject({ greeting: "Good evening", pace: 20 });
      expect((await keeper.status()).ready).toBe(true);
    }
    expect(await lives(await keepers.all())).toEqual(before);
    await keepers.set({ greeting: "Good morning", pace: "10" });
    await spread("what is right again is applied", ({ settings }) => settings.greeting === "Good morning");
  });

  test.each(["certificates", "cookie"])("the %s change, and no message is lost", async (what) => {
    const said = await keepers.interlock("deploy", "--rotate", what);
    say(said.trim().split("\n").join("; "));
    for (const keeper of await keepers.oneCluster(3)) {
      const { changes, letters } = await keeper.state();
      expect(letters).toMatchObject({ lost: 0, doubled: 0 });
      expect(letters.received).toBeGreaterThan(0);
      expect(changes.every(({ to }) => to === "joining" || to === "up")).toBe(true);
    }
    expect(await lives(await keepers.all())).toEqual(before);
  });

  test("through all of it no request was lost, and no stale write accepted", async () => {
    const came = (await visitors.end())["service"];
    if (came === undefined) throw new Error("The visitors counted nothing");
    say(`visitors: ${told(came)}`);
    expect(problemsOf(came)).toEqual([]);
    expect(ledger.entries.length).toBeGreaterThan(0);
    expect(ledger.staleAccepted).toEqual([]);
    expect((await keepers.all()).map(({ restarts }) => restarts)).toEqual([0, 0, 0]);
  });

  test("a program that begins anew is let in with what has changed", async () => {
    const [keeper] = (await keepers.all()) as [Keeper];
    await keeper.kill();
    await eventually("it has begun anew", async () => (await keepers.named(keeper.name)).restarts === 1);
    await keepers.oneCluster(3);
  });
});
