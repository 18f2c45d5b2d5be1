/** Registering processes under global names, and asking what is registered. @see global(3) */
import { InterlockError, type LocalNode, type Pid } from "@interlock/core";
import { currentNode, LocalPid } from "@interlock/core/distribution";
import { badOption } from "../../errors.ts";
import { GroupName as Term } from "../../groups/group-name.ts";
import { type ConflictMethod, checkMethod, methodTerm } from "./conflicts.ts";
import { type GlobalServer, globalOn } from "./server.ts";

export interface GlobalNameOptions {
  /** What happens when two partitions meet that have both given the name. Default `random_exit`. */
  readonly onConflict?: ConflictMethod;
}

/** Each on the node of the running process (outside any: the program's own). **Errors** `INTERLOCK_NODE_OPTION` without `global`. */
export interface GlobalNames {
  /**
   * Gives a process of any node a name, on all nodes or none.
   *
   * **Errors** `INTERLOCK_NAME_TAKEN`; `INTERLOCK_ALREADY_NAMED`: a process has one global name; `INTERLOCK_CALLEE_EXIT` when
   * this node leaves the network meanwhile.
   *
   * @see global:register_name/3
   */
  register(name: unknown, pid: Pid, options?: GlobalNameOptions): Promise<void>;
  /** As `register`, whoever has the name now. @see global:re_register_name/3 */
  reRegister(name: unknown, pid: Pid, options?: GlobalNameOptions): Promise<void>;
  /** Nothing when nobody has it. @see global:unregister_name/1 */
  unregister(name: unknown): Promise<void>;
  /** All names, as this node knows them. @see global:registered_names/0 */
  registered(): readonly unknown[];
  /** Resolves when every visible node that is connected now has the same names; never, as long as one runs no `global`. @see global:sync/0 */
  sync(): Promise<void>;
}

/**
 * Names of processes among all nodes that run `global`. `globalName(name)` is one of them as a `Name`.
 *
 * @example
 * const clerk = spawn<string>(async (self) => {
 *   await self.receive();
 * });
 * await globalNames.register("clerk", clerk);
 * console.log(globalNames.registered()); // [ 'clerk' ]
 * console.log(whereis(globalName("clerk")) === clerk); // true
 * send(globalName("clerk"), "the next, please");
 * await monitor(clerk);
 * console.log(whereis(globalName("clerk"))); // undefined
 */
export const globalNames: GlobalNames = {
  register: (name, pid, options) => giveName(currentNode(), "register", new Term(name), pid, options),
  reRegister: (name, pid, options) => giveName(currentNode(), "re_register", new Term(name), pid, options),
  async unregister(name) {
    const server = serverOf(currentNode());
    const term = new Term(name);
    if (server.whereis(term) === undefined) return;
    if ((await server.register({ type: "unregister", name: term })) === undefined) throw ended("unregister");
  },
  registered: () => serverOf(currentNode()).names.map(({ value }) => value),
  sync: () => serverOf(currentNode()).sync(),
};

/** **Errors** `INTERLOCK_NODE_OPTION` */
export function serverOf(node: LocalNode): GlobalServer {
  const server = globalOn(node);
  if (!server.isShared)
    throw badOption("global", "a node that runs none", "createNode({ visible: true, global: true })");
  return server;
}

export async function giveName(
  node: LocalNode,
  type: "register" | "re_register",
  name: Term,
  pid: Pid,
  { onConflict = "random_exit" }: GlobalNameOptions = {},
): Promise<void> {
  const server = serverOf(node);
  checkMethod(onConflict);
  if (!(pid instanceof LocalPid))
    throw new InterlockError("INTERLOCK_BAD_ARGUMENT", `Bad pid: got ${String(pid)}, expected a pid`, {
      argument: "pid",
      got: String(pid),
      expected: "a pid",
    });
  const result = await server.register({
    type,
    entry: { name, pid, method: methodTerm(onConflict), via: undefined },
  });
  if (result === undefined) throw ended(type);
  const failed = `Cannot register ${name} for ${pid}`;
  if (result.type === "taken") {
    const details = { name: name.toString(), pid: result.by };
    throw new InterlockError("INTERLOCK_NAME_TAKEN", `${failed}: ${result.by} has it`, details);
  }
  if (result.type === "named") {
    const details = { pid: pid.toString(), name: result.name.toString() };
    throw new InterlockError("INTERLOCK_ALREADY_NAMED", `${failed}: it is called ${result.name}`, details);
  }
}

function ended(request: string): InterlockError<"INTERLOCK_CALLEE_EXIT"> {
  const target = "global_name_server";
  const message = `Call ${request} to ${target} failed: the callee ended`;
  return new InterlockError("INTERLOCK_CALLEE_EXIT", message, { target, request, reason: "killed" });
}
