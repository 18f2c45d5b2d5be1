/** What the supervision trees of the running applications say of themselves. */
import { type ApplicationInfo, isAlive, type Pid, type Runtime, supervisor, whichApplications } from "@interlock/core";
import { isSupervisor, LocalPid, pause } from "@interlock/core/distribution";
import type { CriticalChild } from "./health.ts";

/** What a reference can do is the same for every supervisor. */
const anySupervisor = supervisor({ name: "any", strategy: "one_for_one", children: () => [] });

/** A supervisor that starts a child answers when that is done, which may take as long as it likes. */
const ANSWER_MS = 500;

/** Reads which children of the root supervisors are critical, and how they are. */
export class CriticalChildren {
  readonly #names: readonly string[] | undefined;
  readonly #runtime: Runtime;
  /** Questions that are not answered yet: none is asked twice. */
  readonly #asked = new Map<Pid, Promise<readonly CriticalChild[]>>();

  /** `names`: children of any root, or `application/child` of one. Default: the permanent children. */
  constructor(names: readonly string[] | undefined, runtime: Runtime) {
    this.#names = names;
    this.#runtime = runtime;
  }

  async read(): Promise<readonly CriticalChild[]> {
    const applications = whichApplications().filter(({ type }) => type === "permanent");
    const found = (await Promise.all(applications.map((one) => this.#of(one)))).flat();
    const missing = (this.#names ?? []).filter((name) => !found.some(({ id }) => isNamed(id, name)));
    return [...found, ...missing.map((id) => ({ id, status: "unknown" }) as const)];
  }

  async #of(application: ApplicationInfo): Promise<readonly CriticalChild[]> {
    const { name, pid } = application;
    // The root may be any process, and one that is no supervisor could not bear to be asked.
    if (!(pid instanceof LocalPid) || !isSupervisor(pid)) return [];
    const asked = this.#asked.get(pid) ?? this.#ask(application, pid);
    this.#asked.set(pid, asked);
    const late = new AbortController();
    const busy = pause(this.#runtime.timers, ANSWER_MS, late.signal).then(
      () => [{ id: name, status: "busy" }] as const,
    );
    busy.catch(() => undefined);
    return Promise.race([asked, busy]).finally(() => late.abort());
  }

  async #ask({ name }: ApplicationInfo, pid: Pid): Promise<readonly CriticalChild[]> {
    try {
      return await this.#childrenOf(name, pid);
    } catch {
      // It has ended meanwhile; the application's own report says why.
      return [{ id: name, status: "stopped" }];
    } finally {
      this.#asked.delete(pid);
    }
  }

  async #childrenOf(name: string, pid: Pid): Promise<readonly CriticalChild[]> {
    const root = anySupervisor.at(pid);
    const children = await root.whichChildren();
    const critical = await Promise.all(
      children.map(async (child) => {
        const id = `${name}/${child.id}`;
        if (this.#names !== undefined) return this.#names.some((one) => isNamed(id, one));
        // Those of a dynamic supervisor have no spec: they come and go.
        const spec = await root.getChildSpec(child.id).catch(() => undefined);
        return spec?.restart === "permanent";
      }),
    );
    return children.filter((_child, at) => critical[at]).map(({ id, status }) => ({ id: `${name}/${id}`, status }));
  }
}

function isNamed(id: string, name: string): boolean {
  return id === name || id.endsWith(`/${name}`);
}

/** Whether the roots of all permanent applications are alive. */
export function areRootsAlive(): boolean {
  return whichApplications().every(({ pid, type }) => type !== "permanent" || isAlive(pid));
}
