/** The visitors, in a pod of their own beside what they visit. */
import { eventually } from "../../e2e/eventually.ts";
import { image } from "../../e2e/images.ts";
import { kubectl, type Namespace } from "../../e2e/kubernetes.ts";
import { loadPod, stopped } from "../../e2e/load.ts";
import type { LoadLog } from "../../examples/newsroom-visitors/src/traffic/log.ts";
import type { Target } from "./target.ts";

const NAME = "visitors";
/** Four of them share a machine: no more than it has to give. */
const CPU = "100m";

/** Returns when all of them are in. */
export async function startVisitors({ app, namespace }: Target, nodeName: string): Promise<void> {
  await endVisitors(namespace);
  const variables = { TARGET: `http://${app}.${namespace.name}.svc.cluster.local` };
  const program = "src/traffic/main.ts";
  await namespace.apply(loadPod({ cpu: CPU, name: NAME, image: image.visitors, program, variables, nodeName }));
  await eventually("the visitors are in", async () => /^LOADING/m.test(await namespace.kubectl("logs", NAME)), 120_000);
}

/** Tells them to go, and asks what they have gone through. */
export const visitorsLog = (namespace: Namespace): Promise<LoadLog> => stopped<LoadLog>(namespace, NAME);

async function endVisitors(namespace: Namespace): Promise<void> {
  await namespace.kubectl("delete", "pod", NAME, "--ignore-not-found", "--grace-period=0", "--force");
}

export async function machines(): Promise<readonly string[]> {
  const names = await kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.name}");
  return names.trim().split(/\s+/);
}
