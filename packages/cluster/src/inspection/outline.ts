/** The supervision trees of a node, as they are: each supervisor is asked for its children. */
import {
  type ChildInfo,
  type Pid,
  processes,
  processInfo,
  type Runtime,
  supervisor,
  whichApplications,
} from "@interlock/core";
import { isSupervisor, LocalPid } from "@interlock/core/distribution";

export interface TreeNode {
  readonly id: string;
  readonly kind: "application" | "supervisor" | "worker";
  readonly pid: string | undefined;
  /** As of a process; `restarting`, `stopped`; or `no answer` of a supervisor that is busy. */
  readonly status: string;
  readonly mailbox: number;
  readonly children: readonly TreeNode[];
  /** Children that are left out, as there are too many. */
  readonly hidden: number;
}

/** What a reference can do is the same for every supervisor. */
const anySupervisor = supervisor({ name: "any", strategy: "one_for_one", children: () => [] });

/** One that starts a child answers when that is done, which may take as long as it likes. */
const ANSWER_MS = 1_000;
const DEEPEST = 20;
/** Of one supervisor: ten thousand rooms are a number. */
const MOST_CHILDREN = 50;

/** The applications' trees first, then those that were started without one. */
export async function outline(runtime: Pick<Runtime, "timers">): Promise<readonly TreeNode[]> {
  const seen = new Set<string>();
  const applications = await Promise.all(
    whichApplications().map(async ({ name, pid, version }): Promise<TreeNode> => {
      const root = await branch({ id: labelOf(pid), pid, status: "running", type: kindOf(pid) }, runtime, seen, 0);
      const status = root.status === "stopped" ? "stopped" : "running";
      return {
        id: `${name} ${version}`,
        kind: "application",
        pid: undefined,
        status,
        mailbox: 0,
        children: [root],
        hidden: 0,
      };
    }),
  );
  const others = processes().filter((pid) => kindOf(pid) === "supervisor" && !seen.has(pid.toString()));
  const roots = others.filter((pid) => {
    const parent = processInfo(pid)?.parent;
    return parent === undefined || !others.includes(parent);
  });
  const trees = roots
    .filter((pid) => !seen.has(pid.toString()))
    .map((pid) => branch({ id: labelOf(pid), pid, status: "running", type: "supervisor" }, runtime, seen, 0));
  return [...applications, ...(await Promise.all(trees))];
}

type Child = Pick<ChildInfo, "id" | "pid" | "status" | "type">;

async function branch(
  child: Child,
  runtime: Pick<Runtime, "timers">,
  seen: Set<string>,
  depth: number,
): Promise<TreeNode> {
  const { id, pid, type } = child;
  if (pid !== undefined) seen.add(pid.toString());
  const info = pid instanceof LocalPid ? processInfo(pid) : undefined;
  const leaf: TreeNode = {
    // Children of one kind are told apart by what they call themselves.
    id: info !== undefined && (id.startsWith("<") || id === "") ? info.label : id,
    kind: type,
    pid: pid?.toString(),
    status: info?.status ?? (child.status === "running" ? "stopped" : child.status),
    mailbox: info?.mailboxLength ?? 0,
    children: [],
    hidden: 0,
  };
  if (info === undefined || depth >= DEEPEST || kindOf(info.pid) !== "supervisor") return leaf;
  const children = await childrenOf(info.pid, runtime);
  if (children === undefined) return { ...leaf, status: "no answer" };
  for (const one of children) if (one.pid !== undefined) seen.add(one.pid.toString());
  const shown = await Promise.all(children.slice(0, MOST_CHILDREN).map((one) => branch(one, runtime, seen, depth + 1)));
  return { ...leaf, children: shown, hidden: children.length - shown.length };
}

/** In the order in which they were started; undefined: it did not answer in time, or has ended. */
async function childrenOf(pid: Pid, { timers }: Pick<Runtime, "timers">): Promise<readonly ChildInfo[] | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const late = timers.set(() => resolve(undefined), ANSWER_MS);
  const asked = anySupervisor
    .at(pid)
    .whichChildren()
    .then(
      (children) => [...children].reverse(),
      () => undefined,
    );
  return Promise.race([asked, promise]).finally(() => timers.clear(late));
}

function kindOf(pid: Pid): "supervisor" | "worker" {
  return pid instanceof LocalPid && isSupervisor(pid) ? "supervisor" : "worker";
}

function labelOf(pid: Pid): string {
  return (pid instanceof LocalPid ? processInfo(pid)?.label : undefined) ?? pid.toString();
}
