/**
 * A scope of process groups on one node: the process that other nodes know by the scope's name, and what this node knows of
 * its groups. Groups are read and changed at once, by whoever asks; only what other nodes say goes through the mailbox, so
 * that it is heard in the order in which it came.
 *
 * The process takes every message as it is (`useTerms`): a request that nobody knows must not end it, as it would a server.
 * Should it be ended all the same, the next one has the same members and announces them anew.
 */
import type { Down, LocalNode, Self } from "@interlock/core";
import { type LocalPid, type Process, registerName, unwatch, type Watcher, watch } from "@interlock/core/distribution";
import { useTerms, watchNodesOf } from "../node/attached.ts";
import type { NodeEvent } from "../node/net-kernel.ts";
import { NetKernel } from "../node/net-kernel.ts";
import type { GroupName } from "./group-name.ts";
import { fromTerm, type Received, toTerm } from "./messages.ts";
import { GroupMonitors } from "./monitors.ts";
import { StandingProcess } from "./standing-process.ts";
import { type GroupEffect, GroupState, type ScopeMessage } from "./state.ts";

const scopes = new WeakMap<LocalNode, Map<string, Scope>>();

/** The scope of that name on `node`, started if it does not run. **Errors** `INTERLOCK_NAME_TAKEN` */
export function scopeOn(node: LocalNode, name: string): Scope {
  let ofNode = scopes.get(node);
  if (ofNode === undefined) {
    ofNode = new Map();
    scopes.set(node, ofNode);
  }
  const known = ofNode.get(name);
  if (known !== undefined) return known;
  const scope = new Scope(node, name);
  ofNode.set(name, scope);
  return scope;
}

export class Scope {
  readonly monitors: GroupMonitors = new GroupMonitors();
  readonly #node: LocalNode;
  readonly #name: string;
  readonly #state = new GroupState<LocalPid>();
  readonly #standing: StandingProcess;
  readonly #watchers = new Map<LocalPid, MemberWatcher>();

  constructor(node: LocalNode, name: string) {
    this.#node = node;
    this.#name = name;
    this.#standing = new StandingProcess(node, {
      label: `process groups of ${name}`,
      begin: (process) => this.#begin(process),
      receive: (self, message) => this.#receive(self, message),
    });
    watchNodesOf(node, (event) => this.#nodeChanged(event));
  }

  members(group: GroupName): readonly LocalPid[] {
    this.#ensure();
    return this.#state.members(group);
  }

  localMembers(group: GroupName): readonly LocalPid[] {
    this.#ensure();
    return this.#state.localMembers(group);
  }

  get names(): readonly GroupName[] {
    this.#ensure();
    return this.#state.names;
  }

  join(group: GroupName, pids: readonly LocalPid[]): void {
    this.#ensure();
    // One that has ended would leave at once.
    this.#act(
      this.#state.joinLocal(
        group,
        pids.filter(({ process }) => process !== undefined),
      ),
    );
  }

  /** @returns whether any of them was a member. */
  leave(group: GroupName, pids: readonly LocalPid[]): boolean {
    this.#ensure();
    const effects = this.#state.leaveLocal(group, pids);
    this.#act(effects);
    return effects.length > 0;
  }

  #ensure(): void {
    void this.#standing.pid;
  }

  #begin(process: Process): void {
    registerName(this.#node, this.#name, process.pid);
    useTerms(process);
    // What the last process knew, it knew by monitors that have ended with it.
    for (const peer of this.#state.peers) this.#act(this.#state.peerEnded(peer));
    for (const node of this.#kernel?.nodes("connected") ?? []) this.#discover(process.pid, node);
  }

  /** OTP: a node that goes away is heard of by the monitor of its scope, after all that it has said. */
  #nodeChanged({ type, node }: NodeEvent): void {
    if (type === "nodeup") this.#discover(this.#standing.pid, node);
  }

  #discover(from: LocalPid, node: NodeEvent["node"]): void {
    this.#kernel?.connectedRoute(node)?.send(from, this.#name, toTerm(from, { type: "discover" }));
  }

  get #kernel(): NetKernel | undefined {
    const { network } = this.#node;
    return network instanceof NetKernel ? network : undefined;
  }

  #receive(self: Self<unknown>, message: unknown): void {
    if (isDown(message)) return this.#act(this.#state.peerEnded(message.pid as unknown as LocalPid));
    const received = this.#read(message);
    if (received === undefined || received.from.home === this.#node) return;
    this.#act(this.#state.received(received.from, received.message), self);
  }

  #read(message: unknown): Received | undefined {
    try {
      return fromTerm(message);
    } catch (error) {
      this.#warn("got a message that it cannot read", error);
      return undefined;
    }
  }

  /** `self` is the scope's process, which alone meets peers. */
  #act(effects: readonly GroupEffect<LocalPid>[], self?: Self<unknown>): void {
    for (const effect of effects) {
      switch (effect.type) {
        case "tell":
          this.#tell(effect.peers, effect.message);
          break;
        case "monitor":
          self?.monitor(effect.peer as never);
          break;
        case "watch":
          this.#watch(effect.pid);
          break;
        case "unwatch":
          this.#unwatch(effect.pid);
          break;
        case "changed":
          this.monitors.tell(effect.change, effect.group, effect.pids);
          break;
      }
    }
  }

  #tell(peers: readonly LocalPid[], message: ScopeMessage<LocalPid>): void {
    const kernel = this.#kernel;
    if (kernel === undefined) return;
    const from = this.#standing.pid;
    const term = toTerm(from, message);
    for (const peer of peers) {
      try {
        // Never by a new connection: the peer would not know us there.
        kernel.connectedRoute(peer.node)?.send(from, peer, term);
      } catch (error) {
        this.#warn(`could not tell ${peer} of a ${message.type}`, error);
      }
    }
  }

  #warn(text: string, details: unknown): void {
    const at = this.#node.runtime.clock.wallTime();
    this.#node.report({ type: "warning", pid: this.#standing.pid, label: this.#name, text, details, at });
  }

  #watch(pid: LocalPid): void {
    const watcher = new MemberWatcher(
      () => this.#standing.pid,
      (ended) => {
        this.#watchers.delete(ended);
        this.#act(this.#state.localEnded(ended));
      },
    );
    this.#watchers.set(pid, watcher);
    watch(pid.process as Process, watcher);
  }

  #unwatch(pid: LocalPid): void {
    const watcher = this.#watchers.get(pid);
    this.#watchers.delete(pid);
    if (watcher !== undefined && pid.process !== undefined) unwatch(pid.process, watcher);
  }
}

/** A monitor whose DOWN is acted on at once. */
class MemberWatcher implements Watcher {
  readonly fire: (pid: LocalPid) => void;
  readonly #by: () => LocalPid;

  constructor(by: () => LocalPid, fire: (pid: LocalPid) => void) {
    this.#by = by;
    this.fire = fire;
  }

  get by(): LocalPid {
    return this.#by();
  }
}

function isDown(message: unknown): message is Down {
  return (message as { type?: unknown } | null)?.type === "DOWN";
}
