/** Names: what a process can be called by, beside its pid. A `Name` resolves itself when it is used. */
import { badArgument, InterlockError } from "../errors.ts";
import { defaultNode, type LocalNode } from "../node.ts";
import { currentProcess } from "../process/context.ts";
import { LocalPid, type NodeName, type Pid, RemoteReference } from "../process/pid.ts";
import type { Process } from "../process/process.ts";
import type { Away } from "../process/route.ts";
import { register, unregister } from "./local-names.ts";

export interface Name {
  /** For the compiler only. */
  readonly "~name": true;
  toString(): string;
}

/** What every kind of name can do. Registration by a via name is the registry's own. */
export abstract class NameBase implements Name {
  declare readonly "~name": true;
  /** OTP: `Name ! Message` fails for a name that nobody has, `{Name, Node} ! Message` never does. */
  get silent(): boolean {
    return false;
  }
  /** Of another node's process its pid, and `away` says how to reach it. */
  abstract whereis(node: LocalNode): LocalPid | undefined;
  /** The way to it when it is a name on another node. */
  away(_node: LocalNode): Away | undefined {
    return undefined;
  }
  /** A promise when other nodes have a say: `init` waits for it. @throws INTERLOCK_NAME_TAKEN, also as a rejection */
  abstract register(process: Process): void | Promise<void>;
  abstract unregister(process: Process): void;
  abstract toString(): string;
}

class LocalName extends NameBase {
  readonly name: string;
  constructor(name: string) {
    super();
    this.name = name;
  }
  whereis(node: LocalNode): LocalPid | undefined {
    return node.names.get(this.name)?.pid;
  }
  register(process: Process): void {
    register(process.node, this.name, process.pid);
  }
  unregister(process: Process): void {
    unregister(process.node, this.name);
  }
  toString(): string {
    return `local(${JSON.stringify(this.name)})`;
  }
}

/** `name` on `node`: on this very node the same as `local`, elsewhere it needs the cluster package. */
class RemoteName extends NameBase {
  readonly name: string;
  readonly node: NodeName;
  constructor(name: string, node: NodeName) {
    super();
    this.name = name;
    this.node = node;
  }
  override get silent(): boolean {
    return true;
  }
  whereis(node: LocalNode): LocalPid | undefined {
    return this.node === node.name ? node.names.get(this.name)?.pid : undefined;
  }
  override away(node: LocalNode): Away | undefined {
    if (this.node === node.name || node.network === undefined) return undefined;
    return { route: node.network.routeTo(this.node), to: this.name };
  }
  register(process: Process): void {
    if (this.node !== process.node.name) throw noConnection(this);
    register(process.node, this.name, process.pid);
  }
  unregister(process: Process): void {
    unregister(process.node, this.name);
  }
  toString(): string {
    return `remote(${JSON.stringify(this.name)}, ${JSON.stringify(this.node)})`;
  }
}

function noConnection(name: Name): InterlockError<"INTERLOCK_NOCONNECTION"> {
  return new InterlockError("INTERLOCK_NOCONNECTION", `Cannot reach ${name}: there is no connection to that node`, {
    target: name.toString(),
  });
}

/** A name on this node. @see erlang:register/2 */
export function local(name: string): Name {
  return new LocalName(name);
}

/** A name on another node. */
export function remote(name: string, node: NodeName): Name {
  return new RemoteName(name, node);
}

export function nameBase(name: Name): NameBase {
  return name as NameBase;
}

export function isName(value: unknown): value is Name {
  return value instanceof NameBase;
}

/** A name given by the user: without one nothing may start, not even under no name. */
export function checkedName(name: Name): Name {
  if (!isName(name)) throw badArgument("name", name, "a name, as local(…) makes one");
  return name;
}

/** The process that a pid or a name leads to now. */
export function resolve(target: Pid | Name, node: LocalNode = currentNode()): Process | undefined {
  if (target instanceof LocalPid) return target.process;
  return nameBase(target as Name).whereis(node)?.process;
}

/** The way to a target of another node; undefined for everything of this one. */
export function awayOf(target: unknown, node: LocalNode = currentNode()): Away | undefined {
  if (target instanceof NameBase) return target.away(node);
  if (!(target instanceof LocalPid || target instanceof RemoteReference)) return undefined;
  const { route } = target.home;
  return route === undefined ? undefined : { route, to: target };
}

/** The node of the running process; outside any, the default one. */
export function currentNode(): LocalNode {
  return currentProcess()?.node ?? defaultNode();
}
