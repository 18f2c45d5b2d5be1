/**
 * What happens to machines. `../shared/kubernetes/node` does it to those of the fixture; for others EVALUATION_NODE names a
 * program that understands `cut NODE`, `plug NODE` and `exec NODE COMMAND…`.
 */
import { resolve } from "node:path";
import { root, run } from "../../e2e/kubernetes.ts";
import type { Pod } from "../../e2e/pods.ts";

const program = process.env["EVALUATION_NODE"] ?? resolve(root, "../shared/kubernetes/node");

/** As the kernel does when memory is short. */
export async function killContainer({ containerId, node }: Pod): Promise<void> {
  await run(program, ["exec", node, "ctr", "-n", "k8s.io", "tasks", "kill", "--signal", "SIGKILL", containerId]);
}

export async function cutOff(node: string): Promise<void> {
  await run(program, ["cut", node]);
}

export async function plugIn(node: string): Promise<void> {
  await run(program, ["plug", node]);
}
