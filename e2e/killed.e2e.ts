/** The program of a pod is killed, of another pod each time: who notices, how soon, and who does not. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./eventually.ts";
import { Keepers } from "./failures/keepers.ts";
import { Ledger } from "./failures/ledger.ts";
import { describeOnMachines } from "./failures/machines.ts";
import { problemsOf, told, Visitors } from "./failures/visitors.ts";
import { say } from "./kubernetes.ts";

const NOTICED_MS = 1_000;
/** The Lease's duration, and the time to start and to write once. */
const LEASE_MS = 15_000 + 500;

describeOnMachines("the program in a pod is killed", () => {
  let keepers: Keepers;
  let ledger: Ledger;
  let visitors: Visitors;
  const killed: string[] = [];
  beforeAll(async () => {
    ledger = await Ledger.open();
    keepers = await Keepers.deploy("killed", ledger);
  });
  afterAll(async () => {
    await keepers?.[Symbol.asyncDispose]();
    ledger?.[Symbol.dispose]();
  });

  test.each(["the clerk's", "another", "the last"])("%s pod", async (which) => {
    const all = await keepers.oneCluster(3);
    const holder = await keepers.holder();
    const victim =
      which === "the clerk's"
        ? holder
        : (all.find(({ name }) => !killed.includes(name) && name !== holder.name) ??
          all.find(({ name }) => !killed.includes(name)));
    if (victim === undefined) throw new Error("All have been killed");
    killed.push(victim.name);
    const others = all.filter(({ name }) => name !== victim.name);
    const targets = Object.fromEntries(all.map(({ ip, name }) => [name, `http://${ip}:8080`]));
    const visit = { targets, perSecond: 60, idlers: 10 };
    visitors = visitors ?? (await Visitors.come(keepers, visit));
    await visitors.begin(visit);
    await eventually("there are visitors", async () =>
      Object.values(await visitors.counts()).every(({ answered }) => answered > 100),
    );

    const killedAt = await victim.kill();
    const noticedMs = await eventually("its peers have noticed", async () => {
      const states = await Promise.all(others.map((one) => one.state()));
      const at = states.map(({ changes }) =>
        changes.find((one) => one.node === victim.node && one.to === "down" && one.at >= killedAt),
      );
      return at.every((one) => one !== undefined) ? at.map((one) => (one?.at ?? 0) - killedAt) : undefined;
    });
    say(`${victim.name} was killed: its peers noticed after ${noticedMs.join(" and ")} ms`);
    expect(Math.max(...noticedMs)).toBeLessThanOrEqual(NOTICED_MS);
    if (victim.name === holder.name) {
      const taken = await eventually("the clerk is elsewhere", () =>
        ledger.entries.find(({ at, by }) => at > killedAt && by !== victim.node),
      );
      say(`the clerk wrote again ${taken.at - killedAt} ms after its node was killed`);
      expect(taken.at - killedAt).toBeLessThanOrEqual(LEASE_MS);
    }
    const again = await keepers.oneCluster(3);
    expect(again.find(({ name }) => name === victim.name)?.restarts).toBe(1);

    const tallies = await visitors.end();
    for (const [name, tally] of Object.entries(tallies)) say(`  visitors of ${name}: ${told(tally)}`);
    for (const { name } of others) expect(tallies[name] && problemsOf(tallies[name])).toEqual([]);
    // Those of the victim were cut off: whoever counts would have seen it elsewhere, too.
    expect(tallies[victim.name]?.failures.length).toBeGreaterThan(0);
  });

  test("no stale write was accepted", () => {
    expect(new Set(ledger.entries.map(({ by }) => by)).size).toBeGreaterThan(1);
    expect(ledger.staleAccepted).toEqual([]);
  });
});
