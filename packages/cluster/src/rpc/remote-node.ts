/**
 * Another node as a program has it: a place to start servers in, by the name and version of their module. Only modules that
 * the node was given (`createNode({ modules })`) can be started there.
 */
import type { AnyGenServer, NodeName, Pid } from "@interlock/core";
import { callerOf } from "@interlock/core/distribution";
import { ClusterError } from "../errors.ts";
import type { NetKernel } from "../node/net-kernel.ts";
import { callRemote, type OnNodeOptions } from "./on-node.ts";

export interface RemoteNode {
  readonly name: NodeName;
  /**
   * Starts a server there, linked to nobody, and gives a reference to it.
   *
   * **Errors** `INTERLOCK_REMOTE_CALL`: what its start failed with is the cause, or `no_module` when that node has no module
   * of that name and version.
   */
  spawn<G extends AnyGenServer>(module: G, ...args: StartArgs<G>): Promise<ReturnType<G["at"]>>;
  /** The same node, with these options for every start. */
  with(options: OnNodeOptions): RemoteNode;
}

type StartArgs<G extends AnyGenServer> = Parameters<G["start"]>;

/** What a node offers for being started: of each module the versions it has. */
export interface Modules {
  find(name: string, version: string): AnyGenServer | undefined;
}

export function modulesOf(list: readonly AnyGenServer[]): Modules {
  const byKey = new Map(list.map((one) => [keyOf(one.module.name, versionOf(one)), one]));
  return { find: (name, version) => byKey.get(keyOf(name, version)) };
}

function keyOf(name: string, version: string): string {
  return JSON.stringify([name, version]);
}

function versionOf({ module }: AnyGenServer): string {
  return module.version ?? "0";
}

/** The functions that every Interlock node offers to its peers under this name. */
export const NODE_MODULE = "$interlock";

/** Starts a module here for a process of another node. Rejects with what the start fails with. */
export async function startHere(
  modules: Modules,
  name: string,
  version: string,
  args: readonly unknown[],
): Promise<Pid> {
  const module = modules.find(name, version);
  if (module === undefined) throw new Error(`no_module: ${name} ${version} is not among the modules of this node`);
  const { pid } = await (module.start as (...args: readonly unknown[]) => Promise<{ readonly pid: unknown }>)(...args);
  return pid as Pid;
}

class ConnectedNode implements RemoteNode {
  readonly name: NodeName;
  readonly #options: OnNodeOptions;

  constructor(name: NodeName, options: OnNodeOptions) {
    this.name = name;
    this.#options = options;
  }

  async spawn<G extends AnyGenServer>(module: G, ...args: StartArgs<G>): Promise<ReturnType<G["at"]>> {
    const request = [module.module.name, versionOf(module), args];
    const pid = await callRemote(this.name, NODE_MODULE, "start", request, this.#options);
    return module.at(pid as Pid) as ReturnType<G["at"]>;
  }

  with(options: OnNodeOptions): RemoteNode {
    return new ConnectedNode(this.name, { ...this.#options, ...options });
  }
}

/**
 * Connects the node of the running process (outside any: the program's own) to another one.
 *
 * **Errors** `INTERLOCK_CONNECT`; `INTERLOCK_NODE_OPTION` before `createNode`.
 */
export async function connect(name: NodeName): Promise<RemoteNode> {
  const { node } = callerOf();
  await kernelOf(node.network).connect(name);
  return new ConnectedNode(name, {});
}

function kernelOf(network: unknown): NetKernel {
  if (network === undefined)
    throw new ClusterError("INTERLOCK_NODE_OPTION", "This program is no node yet: createNode comes first", {
      option: "createNode",
      got: "nothing",
      expected: "a node that has a name and a cookie",
    });
  return network as NetKernel;
}
