/** A disaster that befalls the machines while a planted writer haunts that of the clerk, and all that was seen of it. */
import { setTimeout as delay } from "node:timers/promises";
import { eventually } from "../eventually.ts";
import { kubectl, say } from "../kubernetes.ts";
import { type Keeper, Keepers } from "./keepers.ts";
import { type Entry, Ledger } from "./ledger.ts";
import { machine } from "./machines.ts";
import { told, Visitors } from "./visitors.ts";

export interface Disaster {
  readonly name: string;
  /** Of machines: that of the clerk, and the two others. */
  begin(clerks: string, others: readonly [string, string]): readonly (readonly string[])[];
  end(clerks: string, others: readonly [string, string]): readonly (readonly string[])[];
  readonly holdMs: number;
  /** Whether visitors come to the Service meanwhile, from the machine that is named last. */
  readonly hasVisitors?: boolean;
}

export interface Aftermath {
  readonly staleAccepted: readonly Entry[];
  /** Writes that came too late, and were refused: by the clerk itself, and by the planted writer. */
  readonly clerkRefused: number;
  readonly plantedRefused: number;
  /** Milliseconds from the last write of the clerk on its first machine to the first one elsewhere; undefined: it has stayed. */
  readonly movedMs: number | undefined;
  /** How many terms of the clerk wrote. */
  readonly owners: number;
  /** Of each pod, the clerk's first: milliseconds until its own /ready said no because it is on the losing side; asked on its machine. */
  readonly losing: readonly ({ readonly ms: number; readonly reason: string } | undefined)[];
  readonly restarts: readonly number[];
  /** From the end of the disaster to one cluster of three, all ready. */
  readonly healedMs: number;
  /**
   * Requests to the Service that were sent so long (ms) after the beginning, and failed; in their order. Without those that the
   * machine which has come back refused, before its pod was what its kubelet said of it: ready.
   */
  readonly lostAtMs: readonly number[];
  readonly refusedOnReturn: number;
}

/** Longer than what is hoped for: how long it took is worth knowing. */
const HEAL_MS = 150_000;

export async function undergo(disaster: Disaster): Promise<Aftermath> {
  await allMachinesReady();
  using ledger = await Ledger.open();
  await using keepers = await Keepers.deploy("disaster", ledger);
  const all = await keepers.all();
  const holder = await keepers.holder();
  const pods = [holder, ...all.filter(({ name }) => name !== holder.name)];
  const [clerks = "", ...others] = pods.map((one) => one.machine);
  if (new Set(pods.map((one) => one.machine)).size !== 3) throw new Error("Each machine should have one pod");
  const who = [clerks, others as [string, string]] as const;
  await holder.act("/plant/token");

  const visitors = disaster.hasVisitors === true ? await visit(keepers, others.at(-1)) : undefined;
  const beganAt = Date.now();
  const beganMs = performance.now();
  say(`${disaster.name}: begins; the clerk is on ${clerks}`);
  let losing: Aftermath["losing"] = [];
  try {
    for (const args of disaster.begin(...who)) await machine(...args);
    losing = await watched(pods, disaster.holdMs);
  } finally {
    for (const args of disaster.end(...who)) await machine(...args);
  }
  const endedMs = performance.now();
  const endedAt = Date.now();
  say(`${disaster.name}: is over after ${Math.round((endedMs - beganMs) / 1_000)} s`);
  await keepers.oneCluster(3, HEAL_MS);
  const healedMs = Math.round(performance.now() - endedMs);
  const came = (await visitors?.end())?.["service"];
  if (came !== undefined) say(`  visitors: ${told(came)}`);
  const restarts = (await keepers.all()).map((one) => one.restarts);
  const { failures } = came ?? { failures: [] };
  const lost = failures.filter(({ at, error }) => error !== "ECONNREFUSED" || at < endedAt || at >= endedAt + healedMs);
  const refusedOf = (kind: Entry["kind"]): number => ledger.refused.filter((one) => one.kind === kind).length;
  const aftermath = {
    staleAccepted: ledger.staleAccepted,
    clerkRefused: refusedOf("clerk"),
    plantedRefused: refusedOf("planted"),
    owners: new Set(
      ledger.entries.filter(({ accepted, kind }) => accepted && kind === "clerk").map(({ token }) => token),
    ).size,
    movedMs: ledger.handOverMs(holder.node),
    losing,
    restarts,
    healedMs,
    lostAtMs: lost.map(({ at }) => at - beganAt).toSorted((a, b) => a - b),
    refusedOnReturn: failures.length - lost.length,
  };
  const { lostAtMs, staleAccepted } = aftermath;
  const short = { ...aftermath, staleAccepted: staleAccepted.length, lostAtMs: [lostAtMs.length, lostAtMs.at(-1)] };
  say(`${disaster.name}: ${JSON.stringify(short)}`);
  return aftermath;
}

/** A machine that was away takes new pods again. */
function allMachinesReady(): Promise<boolean> {
  return eventually("all machines are ready", async () => {
    const path = 'jsonpath={range .items[*]}{.spec.taints}{.status.conditions[?(@.type=="Ready")].status} {end}';
    const all = (await kubectl("get", "nodes", "-o", path)).trim().split(" ");
    return all.length === 3 && all.every((one) => one === "True");
  });
}

async function visit(keepers: Keepers, machine: string | undefined): Promise<Visitors> {
  const targets = { service: `http://keeper.${keepers.namespace.name}.svc.cluster.local` };
  const visitors = await Visitors.come(keepers, { targets, perSecond: 60, idlers: 20, ownPorts: true }, machine);
  await eventually("there are visitors", async () => ((await visitors.counts())["service"]?.answered ?? 0) > 100);
  return visitors;
}

/** Asks all pods, each on its machine, whether they are ready. One that does not answer has not said no. */
async function watched(pods: readonly Keeper[], holdMs: number): Promise<Aftermath["losing"]> {
  const beganMs = performance.now();
  const found: { ms: number; reason: string }[] = [];
  while (performance.now() - beganMs < holdMs) {
    await Promise.all(
      pods.map(async (pod, index) => {
        if (found[index] !== undefined) return;
        const probe = await pod.probe().catch(() => undefined);
        // A machine that has much to do says no for other reasons, too.
        const split = probe?.body.reasons.find(({ check }) => check === "split");
        if (split !== undefined) found[index] = { ms: Math.round(performance.now() - beganMs), reason: split.reason };
      }),
    );
    await delay(500);
  }
  return pods.map((_, index) => found[index]);
}
