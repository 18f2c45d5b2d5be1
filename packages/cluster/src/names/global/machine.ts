/**
 * One node's part in global: the state, the locker and the registrar, and the order in which what they want done is done. All
 * that touches the world comes in by `GlobalPorts`.
 */
import type { NodeName, Timer } from "@interlock/core";
import type { LocalPid } from "@interlock/core/distribution";
import { atom } from "@interlock/wire";
import type { Caller, Conflict, GlobalEffect, GlobalEvent, LockerMessage, Outcome } from "./events.ts";
import { locker } from "./locker.ts";
import type { GlobalMessage, Tag } from "./messages.ts";
import { type RegistrationOrder, registrar } from "./registrar.ts";
import type { GlobalRequest } from "./requests.ts";
import { type Replies, RunningScript, type Script } from "./script.ts";
import { GlobalState } from "./state.ts";

export interface GlobalPorts {
  readonly self: () => NodeName;
  /** Of the server, which holds the locker's locks. */
  readonly serverPid: LocalPid;
  readonly registrarPid: LocalPid;
  readonly preventOverlappingPartitions: boolean;
  readonly creation: Tag;
  /** From 0 up to 1. */
  random(): number;
  after(delayMs: number, callback: () => void): Pick<Timer, "cancel">;
  /** To the server of a node, or to a locker itself; void when there is no connection. */
  tell(to: NodeName | LocalPid, message: GlobalMessage): void;
  /** Asks the server of another node. `answered` with undefined: it cannot be reached. */
  call(node: NodeName, request: GlobalRequest, from: LocalPid, answered: (value: unknown) => void): void;
  /** To a caller of another node. */
  reply(caller: Caller, value: unknown): void;
  /** From now on, or no longer, `ended` is to be called when the process ends. */
  watch(pid: LocalPid): void;
  unwatch(pid: LocalPid): void;
  connect(node: NodeName, done: (isConnected: boolean) => void): void;
  disconnect(node: NodeName): void;
  settle(conflicts: readonly Conflict[], done: (outcomes: readonly Outcome[]) => void): void;
  warn(text: string): void;
}

/** A caller of this node is answered by a function. */
type Answer = (value: unknown) => void;

const TRUE = atom("true");

/** Nodes that are slow to come in sync are given so long. */
const REVIEW_MS = 10_000;

export class GlobalMachine {
  readonly state: GlobalState;
  readonly #ports: GlobalPorts;
  readonly #locker: RunningScript<LockerMessage, never>;
  readonly #registrar: RunningScript<RegistrationOrder, never>;
  /** What is to be done, in this order, whoever wants it. */
  readonly #todo: (() => void)[] = [];
  #isBusy = false;

  constructor(ports: GlobalPorts) {
    const { creation, preventOverlappingPartitions, registrarPid, self, serverPid } = ports;
    this.#ports = ports;
    this.state = new GlobalState({ self, locker: () => serverPid, creation, preventOverlappingPartitions });
    const view = { state: this.state, random: () => ports.random() };
    this.#locker = this.#start(
      serverPid,
      locker({
        ...view,
        pid: serverPid,
        tell: (to, message) => this.#do(() => ports.tell(to, message)),
        locked: (node, tag, lock) => this.handle({ type: "locked", node, tag, lock }),
        stuck: (node, tag, isLocked) => this.handle({ type: "stuck", node, tag, isLocked }),
        announce: (effects) => this.#act(effects),
      }),
    );
    this.#registrar = this.#start(registrarPid, registrar({ ...view, pid: registrarPid }));
  }

  handle(event: GlobalEvent): void {
    this.#act(this.state.handle(event));
  }

  register(order: RegistrationOrder): void {
    this.#registrar.push(order);
  }

  #start<M, R>(pid: LocalPid, script: Script<M, R>): RunningScript<M, R> {
    return new RunningScript(script, {
      call: (nodes, request, answered) => this.#do(() => this.#call(nodes, request, pid, answered)),
      after: (delayMs, callback) => this.#ports.after(delayMs, callback),
    });
  }

  #call(
    nodes: readonly NodeName[],
    request: GlobalRequest,
    from: LocalPid,
    answered: (replies: Replies) => void,
  ): void {
    const replies = new Map<NodeName, boolean>();
    let missing = nodes.length;
    const got = (node: NodeName, value: unknown): void => {
      if (value !== undefined) replies.set(node, value === TRUE);
      if (--missing === 0) answered(replies);
    };
    for (const node of nodes) {
      const answer: Answer = (value) => got(node, value);
      if (node === this.state.self) this.handle({ type: "request", request, caller: { pid: from, tag: answer } });
      else this.#ports.call(node, request, from, answer);
    }
  }

  #act(effects: readonly GlobalEffect[]): void {
    for (const effect of effects) this.#do(() => this.#carryOut(effect));
  }

  #do(work: () => void): void {
    this.#todo.push(work);
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      for (let next = this.#todo.shift(); next !== undefined; next = this.#todo.shift()) next();
    } finally {
      this.#isBusy = false;
    }
  }

  #carryOut(effect: GlobalEffect): void {
    const ports = this.#ports;
    switch (effect.type) {
      case "tell":
        return ports.tell(effect.node, effect.message);
      case "reply": {
        const { caller, value } = effect;
        return typeof caller.tag === "function" ? (caller.tag as Answer)(value) : ports.reply(caller, value);
      }
      case "watch":
        return ports.watch(effect.pid);
      case "unwatch":
        return ports.unwatch(effect.pid);
      case "connect": {
        const { node } = effect;
        return ports.connect(node, (ok) => this.handle({ type: ok ? "connected" : "unreachable", node }));
      }
      case "disconnect":
        return ports.disconnect(effect.node);
      case "review":
        return void ports.after(REVIEW_MS, () => this.handle({ type: "review", node: effect.node }));
      case "locker":
        return this.#locker.push(effect.message);
      case "resolve": {
        const { conflicts, node, tag } = effect;
        return ports.settle(conflicts, (outcomes) => this.handle({ type: "resolved", node, tag, conflicts, outcomes }));
      }
      case "warn":
        return ports.warn(effect.text);
    }
  }
}
