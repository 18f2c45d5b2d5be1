/** What the supervision trees of the running applications say of themselves. */
import { type ApplicationInfo, isAlive, type Pid, supervisor, whichApplications } from "@interlock/core";
import type { CriticalChild } from "./health.ts";

/** What a reference can do is the same for every supervisor. */
const anySupervisor = supervisor({ name: "any", strategy: "one_for_one", children: () => [] });

/**
 * The critical children: those named by `names` (`child` of a root, or `application/child`), or the permanent children of
 * every permanent application's root.
 */
export async function criticalChildren(names: readonly string[] | undefined): Promise<readonly CriticalChild[]> {
  const applications = whichApplications().filter(({ type }) => type === "permanent");
  const found = (await Promise.all(applications.map((one) => childrenOf(one, names)))).flat();
  const missing = (names ?? []).filter((name) => !found.some(({ id }) => isNamed(id, name)));
  return [...found, ...missing.map((id) => ({ id, status: "unknown" }) as const)];
}

async function childrenOf(
  { name, pid }: ApplicationInfo,
  names: readonly string[] | undefined,
): Promise<readonly CriticalChild[]> {
  const root = anySupervisor.at(pid);
  const found: CriticalChild[] = [];
  for (const child of await root.whichChildren()) {
    const id = `${name}/${child.id}`;
    const isCritical = names === undefined ? await isPermanent(pid, child.id) : names.some((one) => isNamed(id, one));
    if (isCritical) found.push({ id, status: child.status });
  }
  return found;
}

async function isPermanent(root: Pid, id: string): Promise<boolean> {
  // One of a dynamic supervisor has no spec, and comes and goes.
  const spec = await anySupervisor
    .at(root)
    .getChildSpec(id)
    .catch(() => undefined);
  return spec?.restart === "permanent";
}

function isNamed(id: string, name: string): boolean {
  return id === name || id.endsWith(`/${name}`);
}

/** Whether the roots of all permanent applications are alive. */
export function areRootsAlive(): boolean {
  return whichApplications().every(({ pid, type }) => type !== "permanent" || isAlive(pid));
}
