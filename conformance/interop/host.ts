/** What the servers and agents of the interop node share. */
import {
  type Atom,
  atom,
  type ClusterNode,
  type Group,
  globalName,
  globalNames,
  group,
  onNode,
  tuple,
} from "@interlock/cluster";
import { isError, type NodeName, type Pid, self, spawn, whereis } from "@interlock/core";

import type { AgentHost } from "./agent.ts";
import { listOf, nameOf } from "./terms.ts";
import { Watching } from "./watching.ts";

type Spawner = Readonly<Record<"spawn", (module: unknown, name: unknown, args: unknown) => unknown>>;

export class InteropHost implements AgentHost {
  readonly node: ClusterNode;
  readonly watching: Watching;

  constructor(node: ClusterNode) {
    this.node = node;
    this.watching = new Watching(node);
  }

  /** Requests that change global names, which takes the consent of all nodes; undefined for others. */
  registering(request: string, args: readonly unknown[]): (() => Promise<unknown>) | undefined {
    const [name] = args;
    switch (`${request}/${args.length}`) {
      case "register_global/1":
        return () => registered(name);
      case "re_register_global/1":
        return async () => {
          const pid = idle();
          await globalNames.reRegister(name, pid);
          return pid;
        };
      case "unregister_global/1":
        return async () => {
          await globalNames.unregister(name);
          return atom("ok");
        };
      case "sync_global/0":
        return async () => {
          await globalNames.sync();
          return atom("ok");
        };
      default:
        return undefined;
    }
  }

  /** Requests about names and groups; undefined for others. */
  named(name: string, args: readonly unknown[]): unknown {
    const [first, second] = args;
    switch (`${name}/${args.length}`) {
      case "whereis_global/1":
        return whereis(globalName(first)) ?? atom("undefined");
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

/** `{yes | no, Pid}` of a new process. */
async function registered(name: unknown): Promise<unknown> {
  const pid = idle();
  const answer = await globalNames.register(name, pid).then(
    (): Atom => atom("yes"),
    (error: unknown): Atom => {
      if (isError(error, "INTERLOCK_NAME_TAKEN")) return atom("no");
      throw error;
    },
  );
  return tuple(answer, pid);
}

/** A process that does nothing, until it is ended. */
function idle(): Pid<unknown> {
  return spawn<unknown>(async function idle(self) {
    for (;;) await self.receive();
  });
}
