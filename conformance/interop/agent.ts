/** The agent of interop-node.md: a process that does as it is told, and tells its owner of all that it hears. */
import { atom, exactTerms, Tuple, tuple } from "@interlock/cluster";
import {
  type Down,
  type Exit,
  exit,
  type NodeName,
  type Pid,
  type Ref,
  register,
  type Self,
  send,
  spawn,
} from "@interlock/core";

import { command, destinationOf, nodeNameOf, reasonOf, targetOf, termOf } from "./terms.ts";
import type { Watching } from "./watching.ts";

/** What of the node an agent uses. */
export interface AgentHost {
  readonly watching: Watching;
  /** Starts a process on another node, linked to the calling one. */
  spawnLink(node: NodeName, module: unknown, name: unknown, args: unknown): Promise<unknown>;
}

/** Everything in its order, signals too. */
const everything = { matches: (): boolean => true };

export function startAgent(owner: unknown, host: AgentHost, name?: string): Pid<unknown> {
  const pid = spawn<unknown>(async function agent(self) {
    exactTerms();
    const one = new Agent(self, owner as Pid<unknown>, host);
    for (;;) await one.receive(await self.receive(everything));
  });
  if (name !== undefined) register(name, pid);
  return pid;
}

class Agent {
  readonly #self: Self<unknown>;
  readonly #owner: Pid<unknown>;
  readonly #host: AgentHost;
  /** What each monitor watches, as it was given. */
  readonly #watched = new Map<Ref, unknown>();

  constructor(self: Self<unknown>, owner: Pid<unknown>, host: AgentHost) {
    this.#self = self;
    this.#owner = owner;
    this.#host = host;
  }

  async receive(message: unknown): Promise<void> {
    if (message instanceof Tuple) {
      const { elements } = message as Tuple;
      if (elements.length === 2 && elements[0] === atom("exit")) this.#self.exit(reasonOf(elements[1]));
      if (elements.length === 3) {
        const [from, ref, asked] = elements;
        const done = command(asked);
        const result = done && (await this.#do(done.name, done.args));
        if (result !== undefined) return send(from as Pid<unknown>, tuple(ref, result));
      }
    }
    send(this.#owner, tuple(atom("agent"), this.#self.pid, this.#shown(message)));
  }

  /** A signal as Erlang has it as a message. */
  #shown(message: unknown): unknown {
    const { type } = message as { readonly type?: unknown };
    if (type === "EXIT") {
      const { from, reason } = message as Exit;
      return tuple(atom("EXIT"), from, termOf(reason));
    }
    if (type !== "DOWN") return message;
    const { ref, pid, reason } = message as Down;
    const watched = this.#watched.get(ref) ?? pid;
    this.#watched.delete(ref);
    return tuple(atom("DOWN"), ref, atom("process"), watched, termOf(reason));
  }

  /** @returns undefined for what is no command. */
  async #do(name: string, [first, second, ...more]: readonly unknown[]): Promise<unknown> {
    const self = this.#self;
    const pid = first as Pid<unknown>;
    const ok = atom("ok");
    switch (name) {
      case "ping":
        return atom("pong");
      case "link":
        self.link(pid);
        return ok;
      case "unlink":
        self.unlink(pid);
        return ok;
      case "monitor": {
        const { ref } = self.monitor(targetOf(first));
        this.#watched.set(ref, first);
        return ref;
      }
      case "demonitor":
        (first as { demonitor?(options: { flush: boolean }): boolean }).demonitor?.({ flush: true });
        this.#watched.delete(first as Ref);
        return ok;
      case "trap":
        self.trapExit(first === atom("true"));
        return ok;
      case "exit2":
        exit(pid, reasonOf(second));
        return ok;
      case "send":
        send(destinationOf(first), second);
        return ok;
      case "monitor_node":
        this.#host.watching.watch(self, nodeNameOf(first), second === atom("true"));
        return ok;
      case "spawn_link":
        return this.#host.spawnLink(nodeNameOf(first), second, more[0], more[1]);
      default:
        return undefined;
    }
  }
}
