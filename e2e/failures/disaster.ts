/** A disaster that befalls the machines while a planted writer haunts that of the clerk, and all that was seen of it. */
import { setTimeout as delay } from "node:timers/promises";
import { say } from "../kubernetes.ts";
import { type Keeper, Keepers } from "./keepers.ts";
import { type Entry, Ledger } from "./ledger.ts";
import { machine } from "./machines.ts";

export interface Disaster {
  readonly name: string;
  /** Of machines: that of the clerk, and the two others. */
  begin(clerks: string, others: readonly [string, string]): readonly (readonly string[])[];
  end(clerks: string, others: readonly [string, string]): readonly (readonly string[])[];
  readonly holdMs: number;
}

export interface Aftermath {
  readonly staleAccepted: readonly Entry[];
  /** Writes that came too late, and were refused: by the clerk itself, and by the planted writer. */
  readonly clerkRefused: number;
  readonly plantedRefused: number;
  /** Milliseconds from the last write of the clerk on its first machine to the first one elsewhere; undefined: it has stayed. */
  readonly movedMs: number | undefined;
  /** Of each pod, the clerk's first: milliseconds until its own /ready said no, with the reasons; asked on its machine. */
  readonly notReady: readonly ({ readonly ms: number; readonly reasons: string } | undefined)[];
  readonly restarts: readonly number[];
  /** From the end of the disaster to one cluster of three, all ready. */
  readonly healedMs: number;
}

/** Longer than what is hoped for: how long it took is worth knowing. */
const HEAL_MS = 150_000;

export async function undergo(disaster: Disaster): Promise<Aftermath> {
  using ledger = await Ledger.open();
  await using keepers = await Keepers.deploy("disaster", ledger);
  const all = await keepers.all();
  const holder = await keepers.holder();
  const pods = [holder, ...all.filter(({ name }) => name !== holder.name)];
  const [clerks = "", ...others] = pods.map((one) => one.machine);
  if (new Set(pods.map((one) => one.machine)).size !== 3) throw new Error("Each machine should have one pod");
  const who = [clerks, others as [string, string]] as const;
  await holder.act("/plant/token");

  const beganMs = performance.now();
  say(`${disaster.name}: begins; the clerk is on ${clerks}`);
  let notReady: Aftermath["notReady"] = [];
  try {
    for (const args of disaster.begin(...who)) await machine(...args);
    notReady = await watched(pods, disaster.holdMs);
  } finally {
    for (const args of disaster.end(...who)) await machine(...args);
  }
  const endedMs = performance.now();
  say(`${disaster.name}: is over after ${Math.round((endedMs - beganMs) / 1_000)} s`);
  await keepers.oneCluster(3, HEAL_MS);
  const healedMs = Math.round(performance.now() - endedMs);
  const restarts = (await keepers.all()).map((one) => one.restarts);
  const refusedOf = (kind: Entry["kind"]): number => ledger.refused.filter((one) => one.kind === kind).length;
  const aftermath = {
    staleAccepted: ledger.staleAccepted,
    clerkRefused: refusedOf("clerk"),
    plantedRefused: refusedOf("planted"),
    movedMs: ledger.handOverMs(holder.node),
    notReady,
    restarts,
    healedMs,
  };
  say(`${disaster.name}: ${JSON.stringify({ ...aftermath, staleAccepted: ledger.staleAccepted.length })}`);
  return aftermath;
}

/** Asks all pods, each on its machine, whether they are ready. One that does not answer has not said no. */
async function watched(pods: readonly Keeper[], holdMs: number): Promise<Aftermath["notReady"]> {
  const beganMs = performance.now();
  const found: { ms: number; reasons: string }[] = [];
  while (performance.now() - beganMs < holdMs) {
    await Promise.all(
      pods.map(async (pod, index) => {
        if (found[index] !== undefined) return;
        const probe = await pod.probe().catch(() => undefined);
        if (probe === undefined || probe.status === 200) return;
        const reasons = probe.body.reasons.map(({ check, reason }) => `${check}: ${reason}`).join("; ");
        found[index] = { ms: Math.round(performance.now() - beganMs), reasons };
      }),
    );
    await delay(500);
  }
  return pods.map((_, index) => found[index]);
}
