/**
 * What the failure tests do to the machines: power, cables and the control plane are the fixture's; a process in a pod is one of
 * this machine, so that the tests end it by its PID.
 */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { describeOnKubernetes, isOnFixture, root, run } from "../kubernetes.ts";

const fixture = process.env["K8S_FIXTURE"] ?? resolve(root, "../shared/kubernetes");

/** `partition node1 node2`, `kill node3`, …: see the fixture's own page. */
export const machine = (...args: readonly string[]): Promise<string> => run(resolve(fixture, "node"), args);
export const controlPlane = (...args: readonly string[]): Promise<string> =>
  run(resolve(fixture, "control-plane"), args);

/** Suites that reach into the machines, which only those of the fixture let them. */
export function describeOnMachines(name: string, body: () => void): void {
  const isThere = isOnFixture && existsSync(resolve(fixture, "node"));
  describeOnKubernetes(isThere ? name : `${name} (needs the machines of ../shared/kubernetes)`, body);
}

/** The PID, for this machine, of the first process of a container: the one with the lowest PID inside. */
export async function pidOfContainer(id: string): Promise<number> {
  const all: { readonly pid: number; readonly inside: number }[] = [];
  for (const entry of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    const read = (file: string): Promise<string> => readFile(`/proc/${entry}/${file}`, "utf8").catch(() => "");
    if (!(await read("cgroup")).includes(id)) continue;
    const inside = /^NSpid:.*\t(\d+)$/m.exec(await read("status"))?.[1];
    if (inside !== undefined) all.push({ pid: Number(entry), inside: Number(inside) });
  }
  const [first] = all.toSorted((one, other) => one.inside - other.inside);
  if (first === undefined) throw new Error(`No process of this machine is of container ${id}`);
  return first.pid;
}

/**
 * Sets for how long a machine may be silent until the controllers take it for lost; undefined is the fixture's own. They are
 * started anew for that.
 */
export async function nodeGrace(seconds: number | undefined): Promise<void> {
  await controlPlane("kill", "kube-controller-manager");
  const variables = seconds === undefined ? [] : [`K8S_GRACE=${seconds}`];
  await run("env", [...variables, resolve(fixture, "up"), "--nodes", "3", "--no-smoke"]);
}

/**
 * From now on the API server does not answer, its connections open and silent, or refuses them; `apiServerReturns` ends that.
 *
 * A controller manager that cannot renew its Lease ends after 10 s, and begins anew when the API server is there again: for how
 * long nodes have been silent is counted from then on. The fixture's holds no Lease, and would go on counting: at its first look
 * after an outage that is longer than its grace it would find all nodes silent, before their kubelets could say a word, and take
 * every pod out of its Service. So it is ended and begun here.
 */
export async function apiServerGoes(how: "silent" | "refusing"): Promise<void> {
  await controlPlane(how === "silent" ? "stop" : "kill", "kube-apiserver");
  await controlPlane("kill", "kube-controller-manager");
}

export async function apiServerReturns(from: "silent" | "refusing"): Promise<void> {
  await controlPlane(from === "silent" ? "cont" : "start", "kube-apiserver");
  await controlPlane("start", "kube-controller-manager");
}
