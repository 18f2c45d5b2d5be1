/**
 * What an application is to outlive without noticing: an API server that hangs or is gone, and a DNS that is. E2E_OUTAGE_SECONDS
 * is how long each lasts; visitors come to the Service's address, as they cannot look up its name either.
 *
 * The longest timer that could end something is the controllers' grace for silent nodes, 50 s (Kubernetes' own; the fixture's of
 * 12 s is set aside here), which begins anew at the API server's return. So nothing may happen until 60 s after that.
 */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "./eventually.ts";
import { Keepers } from "./failures/keepers.ts";
import { Ledger } from "./failures/ledger.ts";
import { apiServerGoes, apiServerReturns, controlPlane, describeOnMachines, nodeGrace } from "./failures/machines.ts";
import { problemsOf, told, Visitors } from "./failures/visitors.ts";
import { say } from "./kubernetes.ts";

const outageMs = Number(process.env["E2E_OUTAGE_SECONDS"] ?? 100) * 1_000;
const perSecond = Number(process.env["E2E_RATE"] ?? 500);
const GRACE_SECONDS = 50;
/** Longer than nodes that find each other take to begin a cluster, were they let. */
const BEGINNING_MS = 20_000;

interface Outage {
  readonly name: string;
  readonly begin: () => Promise<unknown>;
  readonly end: () => Promise<unknown>;
  /** For so long nothing may happen after it. */
  readonly afterMs: number;
  /** Whether the clerk has to stop: it may not go on without its Lease. */
  readonly stopsClerk: boolean;
}

const outages: readonly Outage[] = [
  {
    name: "the API server hangs",
    begin: () => apiServerGoes("silent"),
    end: () => apiServerReturns("silent"),
    afterMs: 60_000,
    stopsClerk: true,
  },
  {
    name: "the API server is killed",
    begin: () => apiServerGoes("refusing"),
    end: () => apiServerReturns("refusing"),
    afterMs: 60_000,
    stopsClerk: true,
  },
  {
    name: "the DNS is gone",
    begin: () => controlPlane("stop", "dns"),
    end: () => controlPlane("start", "dns"),
    afterMs: 10_000,
    stopsClerk: false,
  },
];

describeOnMachines("an outage", () => {
  beforeAll(() => nodeGrace(GRACE_SECONDS));
  afterAll(() => nodeGrace(undefined));

  describe.each(outages)("$name", ({ afterMs, begin, end, name, stopsClerk }) => {
    test("costs no member, no request and no restart, and none after it", async () => {
      using ledger = await Ledger.open();
      await using keepers = await Keepers.deploy("outage", ledger);
      const before = await keepers.all();
      const address = await keepers.namespace.kubectl("get", "service", "keeper", "-o", "jsonpath={.spec.clusterIP}");
      const visitors = await Visitors.come(keepers, {
        targets: { service: `http://${address}` },
        perSecond,
        idlers: 60,
      });
      const answered = async (): Promise<number> => (await visitors.counts())["service"]?.answered ?? 0;
      await eventually("there are visitors", async () => (await answered()) > perSecond);

      const beganAt = Date.now();
      await begin();
      say(`${name}, for ${outageMs / 1_000} s`);
      try {
        await delay(outageMs);
      } finally {
        await end();
      }
      const endedAt = Date.now();
      const back = await eventually("the clerk writes", () =>
        ledger.entries.find(({ accepted, at }) => accepted && at > endedAt),
      );
      say(`  it is over; the clerk wrote ${back.at - endedAt} ms later`);
      await delay(Math.max(0, afterMs - (Date.now() - endedAt)));

      const came = (await visitors.end())["service"];
      if (came === undefined) throw new Error("The visitors counted nothing");
      say(`  visitors: ${told(came)}, ${Math.round(came.sent / ((Date.now() - beganAt) / 1_000))} requests/s`);
      expect(problemsOf(came)).toEqual([]);
      const after = await keepers.oneCluster(3);
      const known = ({ name: pod, restarts }: (typeof after)[number]): string => `${pod} ${restarts}`;
      expect(after.map(known).sort()).toEqual(before.map(known).sort());
      for (const keeper of after) {
        const { changes, letters } = await keeper.state();
        expect(changes.filter(({ at }) => at >= beganAt)).toEqual([]);
        expect(letters).toMatchObject({ lost: 0, doubled: 0 });
      }
      expect(ledger.staleAccepted).toEqual([]);
      const terms = new Set(ledger.entries.map(({ token }) => token)).size;
      if (!stopsClerk) expect(terms).toBe(1);
    });
  });

  test("in which all containers begin anew makes no cluster until it is over, and then one", async () => {
    using ledger = await Ledger.open();
    await using keepers = await Keepers.deploy("anew", ledger);
    const before = await keepers.all();
    await apiServerGoes("refusing");
    try {
      for (const keeper of before) await keeper.kill();
      for (const keeper of before)
        await eventually(`${keeper.name} has begun anew`, async () => {
          const { status, body } = (await keeper.probe()) ?? {};
          return status === 503 && body?.reasons.some(({ check }) => check === "joined");
        });
      say("  all have begun anew, and the API server is away");
      await delay(BEGINNING_MS);
      for (const keeper of before) expect((await keeper.probe())?.status).toBe(503);
    } finally {
      await apiServerReturns("refusing");
    }
    const endedAt = Date.now();
    const after = await keepers.oneCluster(3);
    say(`  one cluster ${Date.now() - endedAt} ms after it was over`);
    expect(after.map(({ name, restarts }) => `${name} ${restarts}`).sort()).toEqual(
      before.map(({ name, restarts }) => `${name} ${restarts + 1}`).sort(),
    );
    for (const keeper of after) expect((await keeper.state()).changes.filter(({ to }) => to === "down")).toEqual([]);
    expect(ledger.staleAccepted).toEqual([]);
  });
});
