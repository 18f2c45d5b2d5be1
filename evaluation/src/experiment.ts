/** One fault against one deployment, while visitors are there. */
import { loadavg } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { eventually } from "../../e2e/eventually.ts";
import { kubectl, say } from "../../e2e/kubernetes.ts";
import type { App, Pod } from "../../e2e/pods.ts";
import type { Fault } from "./faults.ts";
import { measure } from "./measure.ts";
import type { Cost, Run } from "./results.ts";
import { rungsOf, type Standing } from "./rung.ts";
import { livePodsOf, type Target } from "./target.ts";
import { machines, startVisitors, visitorsLog } from "./visitors.ts";

const CALM_MS = 5_000;
/** How often visitors come until the pods are where the fault needs them. */
const VISITS = 10;
const CLOCK_TICKS = 100;

export interface Experiment {
  readonly run: Run;
  /** Where nothing was done. */
  readonly cost?: Cost | undefined;
}

/** The visitors are in, and nothing is done yet. */
export interface Prepared {
  readonly target: Target;
  readonly fault: Fault;
  readonly victim: Pod;
  readonly before: Standing;
  readonly cpuBefore: number;
  readonly sinceMs: number;
}

/** `machine`: where the victim has to be; then visitors and archive are elsewhere. Undefined: it is where it is. */
export async function prepare(target: Target, fault: Fault, machine?: string): Promise<Prepared> {
  await freshPods(target);
  if (machine !== undefined) await move(target, machine);
  const victim = await beginVisit(target, fault.isOfMachine === true);
  const before = await standing(target);
  return { target, fault, victim, before, cpuBefore: await cpuSeconds(target, victim), sinceMs: performance.now() };
}

export async function experiment(prepared: Prepared): Promise<Experiment> {
  const { before, cpuBefore, fault, sinceMs, target, victim } = prepared;
  await delay(CALM_MS);
  const injectedMs = Date.now();
  say(`${target.name}: ${fault.title.toLowerCase()}, at ${victim.name} on ${victim.node}`);
  const [notes] = await Promise.all([fault.inject(target, victim), delay(fault.seconds * 1_000)]);
  const cost = fault.name === "calm" ? await costOf(target, victim, cpuBefore, sinceMs) : undefined;
  const log = await visitorsLog(target.namespace);
  const measured = measure(log);
  await untilWhole(target);
  const after = await standing(target);
  const run: Run = {
    deployment: target.name,
    fault: fault.name,
    measuredAt: new Date().toISOString(),
    loadAverage: loadavg()[0] ?? 0,
    injectedAt: Math.round((injectedMs - log.startedAt) / 1_000),
    measured,
    rungs: rungsOf({
      before,
      after,
      planned: fault.planned,
      isHealed: measured.healMs !== undefined,
      isNoticed: fault.name === "crash" || measured.lost > 0,
    }),
    notes,
  };
  say(
    `${target.name}: ${fault.title.toLowerCase()}: ${measured.lost} of ${measured.requests} requests lost, ` +
      `healed after ${measured.healMs ?? "?"} ms, ${measured.stateLost} of the state lost, ${run.rungs.join(" → ")} ${JSON.stringify(measured.errors)}`,
  );
  return { run, cost };
}

/** The kubelet waits the longer, the oftener a container of a pod was restarted: nobody shall pay for the fault before. */
async function freshPods(target: Target): Promise<void> {
  if ((await livePodsOf(target)).some(({ restarts }) => restarts > 0)) await target.roll();
  await untilWhole(target);
}

async function untilWhole(target: Target): Promise<void> {
  const { app, namespace } = target;
  await namespace.kubectl("rollout", "status", `deployment/${app}`, "--timeout=180s");
  await eventually(
    `the pods of ${target.name} are ready`,
    async () => {
      const pods = await livePodsOf(target);
      return pods.length > 0 && pods.every(({ isReady }) => isReady);
    },
    120_000,
  );
}

/** @returns the pod with the room. The visitors are on another machine, if that matters, and so is the archive. */
async function beginVisit(target: Target, isApart: boolean): Promise<Pod> {
  const all = await machines();
  for (let place = 0; place < VISITS; place++) {
    const node = all[place % all.length] ?? "";
    await startVisitors(target, node);
    const name = await target.roomPod();
    const victim = (await livePodsOf(target)).find((pod) => pod.name === name);
    if (victim === undefined) continue;
    if (!isApart) return victim;
    if (victim.node !== node && !(await archiveIsMoved(target, victim.node))) return victim;
  }
  const apart = isApart ? ", on another machine than visitors and archive" : "";
  throw new Error(`After ${VISITS} visits no pod of ${target.name} has kept the room${apart}`);
}

/** What stands for a database is not what is cut off. */
async function archiveIsMoved({ namespace }: Target, from: string): Promise<boolean> {
  const archive = { app: "newsroom-archive", namespace };
  const [pod] = await livePodsOf(archive);
  if (pod?.node !== from) return false;
  await replaced({ ...archive, pod: pod.name }, [from]);
  return true;
}

/** Has a deployment of one pod on that machine; one of several has a pod there anyway. */
async function move({ app, namespace }: Target, to: string): Promise<void> {
  const [pod, ...others] = await livePodsOf({ app, namespace });
  if (pod === undefined || others.length > 0 || pod.node === to) return;
  await replaced(
    { app, namespace, pod: pod.name },
    (await machines()).filter((name) => name !== to),
  );
}

/** By a pod that is on none of these machines. */
async function replaced(
  { app, namespace, pod }: App & { readonly pod: string },
  notOn: readonly string[],
): Promise<void> {
  await kubectl("cordon", ...notOn);
  try {
    await namespace.kubectl("delete", "pod", pod, "--wait=false");
    await eventually(
      `${app} is elsewhere`,
      async () => (await livePodsOf({ app, namespace })).some(({ isReady, node }) => isReady && !notOn.includes(node)),
      120_000,
    );
  } finally {
    await kubectl("uncordon", ...notOn);
  }
}

async function standing(target: Target): Promise<Standing> {
  const pods = await livePodsOf(target);
  const room = await target.roomPod().catch(() => "");
  return {
    restarts: Object.fromEntries(pods.map(({ restarts, uid }) => [uid, restarts])),
    supervisorRestarts: await target.supervisorRestarts(),
    roomPod: pods.find(({ name }) => name === room)?.uid ?? "",
  };
}

async function costOf(target: Target, pod: Pod, cpuBefore: number, sinceMs: number): Promise<Cost> {
  const used = (await cpuSeconds(target, pod)) - cpuBefore;
  const seconds = (performance.now() - sinceMs) / 1_000;
  const status = await ofProgram(target, pod, "status");
  return {
    deployment: target.name,
    residentMiB: Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1_024),
    cpuPercent: Math.round((1_000 * used) / seconds) / 10,
    startSeconds: (await livePodsOf(target)).find(({ uid }) => uid === pod.uid)?.startSeconds ?? 0,
  };
}

async function cpuSeconds(target: Target, pod: Pod): Promise<number> {
  // After the program's name, which may have spaces: user and system time are the 14th and 15th of all.
  const fields = (await ofProgram(target, pod, "stat")).split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS;
}

/** A file of /proc of the pod's program, which is not PID 1 where the pod has an init. */
function ofProgram({ namespace }: Target, { name }: Pod, file: string): Promise<string> {
  const find = `for p in /proc/[0-9]*; do case $(readlink $p/exe) in */node) cat $p/${file}; break;; esac; done`;
  return namespace.kubectl("exec", name, "--", "sh", "-c", find);
}
