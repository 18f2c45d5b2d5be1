/** What the servers and agents of the interop node share. */
import { atom, type ClusterNode, type Group, group, onNode, tuple } from "@interlock/cluster";
import { type NodeName, type Pid, self, spawn } from "@interlock/core";

import type { AgentHost } from "./agent.ts";
import { listOf, nameOf } from "./terms.ts";
import { Watching } from "./watching.ts";

type Spawner = Readonly<Record<"spawn", (module: unknown, name: unknown, args: unknown) => unknown>>;

export class InteropHost implements AgentHost {
  readonly node: ClusterNode;
  readonly watching: Watching;
  /** A table of this node alone: OTP's `global` has no part in it. */
  readonly #global = new Map<string, Pid<unknown>>();

  constructor(node: ClusterNode) {
    this.node = node;
    this.watching = new Watching(node);
  }

  registerGlobal(name: string, pid: Pid<unknown>): void {
    this.#global.set(name, pid);
  }

  /** Requests about names and groups; undefined for others. */
  named(name: string, args: readonly unknown[]): unknown {
    const [first, second] = args;
    switch (`${name}/${args.length}`) {
      case "whereis_global/1":
        return this.#global.get(nameOf(first)) ?? atom("undefined");
      case "register_global/1": {
        const pid = idle();
        if (this.#global.has(nameOf(first))) return tuple(atom("no"), pid);
        this.#global.set(nameOf(first), pid);
        return tuple(atom("yes"), pid);
      }
      case "pg_members/1":
        return groupOf(atom("pg"), first).members();
      case "pg_members/2":
        return groupOf(first, second).members();
      case "pg_join_new/1": {
        const pid = idle();
        groupOf(atom("pg"), first).join(pid);
        return pid;
      }
      default:
        return undefined;
    }
  }

  spawn(node: NodeName, module: unknown, name: unknown, args: unknown): Promise<unknown> {
    return onNode<Spawner>(node, { name: "erlang" }).spawn(module, name, listOf(args));
  }

  async spawnLink(node: NodeName, module: unknown, name: unknown, args: unknown): Promise<unknown> {
    const pid = await this.spawn(node, module, name, args);
    self().link(pid as Pid<unknown>);
    return pid;
  }
}

/** A group of Erlang's pg: any term in a scope. */
export function groupOf(scope: unknown, name: unknown): Group<unknown> {
  return group<unknown>(name, { scope: nameOf(scope) });
}

/** A process that does nothing, until it is ended. */
function idle(): Pid<unknown> {
  return spawn<unknown>(async function idle(self) {
    for (;;) await self.receive();
  });
}
