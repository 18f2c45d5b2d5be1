/** What pods use, as their kubelets measure it. */
import { setTimeout as delay } from "node:timers/promises";
import { eventually } from "./eventually.ts";
import { kubectl, type Namespace } from "./kubernetes.ts";

interface Summary {
  readonly pods?: readonly {
    readonly podRef: { readonly name: string; readonly namespace: string };
    readonly containers?: readonly {
      readonly cpu?: { readonly time: string; readonly usageCoreNanoSeconds?: number };
      readonly memory?: { readonly workingSetBytes?: number };
    }[];
  }[];
}

export interface Usage {
  readonly pod: string;
  readonly workingSetMiB: number;
  /** Of one core. */
  readonly cpuPercent: number;
}

interface Sample {
  readonly workingSet: number;
  readonly cpuNs: number;
  readonly at: number;
}

/** The working set of each pod of these nodes, and its share of a core over `overMs`, or until its kubelet has looked again. */
export async function usageOf(
  { name: namespace }: Namespace,
  pods: readonly { readonly name: string; readonly node: string }[],
  overMs: number,
): Promise<readonly Usage[]> {
  const first = await samples(namespace, pods);
  await delay(overMs);
  const last = await eventually("the kubelets have measured again", async () => {
    const now = await samples(namespace, pods);
    return [...now].every(([pod, { at }]) => at > (first.get(pod)?.at ?? 0)) && now;
  });
  return pods.map(({ name: pod }) => {
    const [from, to] = [first.get(pod), last.get(pod)];
    if (from === undefined || to === undefined) throw new Error(`No kubelet measures ${pod}`);
    return {
      pod,
      workingSetMiB: Math.round((to.workingSet / 2 ** 20) * 10) / 10,
      cpuPercent: Math.round(((to.cpuNs - from.cpuNs) / 1e6 / (to.at - from.at)) * 1_000) / 10,
    };
  });
}

async function samples(
  namespace: string,
  pods: readonly { readonly node: string }[],
): Promise<ReadonlyMap<string, Sample>> {
  const found = new Map<string, Sample>();
  for (const node of new Set(pods.map((pod) => pod.node))) {
    const text = await kubectl("get", "--raw", `/api/v1/nodes/${node}/proxy/stats/summary`);
    for (const { containers = [], podRef } of (JSON.parse(text) as Summary).pods ?? []) {
      const [{ cpu, memory } = {}] = containers;
      if (podRef.namespace !== namespace || cpu?.usageCoreNanoSeconds === undefined) continue;
      const workingSet = memory?.workingSetBytes ?? 0;
      found.set(podRef.name, { workingSet, cpuNs: cpu.usageCoreNanoSeconds, at: Date.parse(cpu.time) });
    }
  }
  return found;
}
