/**
 * A placement on one node: its state, and how the effects of that are carried out. Names are resolved and messages routed at
 * once, by whoever uses them; what other hosts say goes through the mailbox of the host's process, in the order in which it
 * came.
 */
import {
  type ExitReason,
  type LocalNode,
  type NodeName,
  remote,
  type Self,
  type Timer,
  unowned,
} from "@interlock/core";
import {
  deliverCall,
  deliverCast,
  deliverMessage,
  type IncomingCall,
  type LocalPid,
  type OpenCall,
  onEnd,
  type Process,
} from "@interlock/core/distribution";
import { NetKernel } from "../node/net-kernel.ts";
import { callFailed, coded } from "../node/outgoing-calls.ts";
import type { PlacementEffect } from "./effects.ts";
import { Gate, type Sent } from "./gate.ts";
import { checkedMessage, type PlacementMessage } from "./messages.ts";
import { PlacedCalls } from "./placed-calls.ts";
import { afresh, type PlacedProcesses, type StartChild, startProcesses } from "./placed-processes.ts";
import type { PlacementPlan } from "./plan.ts";
import { PlacementState } from "./state.ts";
import { Tally } from "./tally.ts";

/** Under what name the hosts of a placement find each other. */
export function hostName(placement: string): string {
  return `interlock_placement:${placement}`;
}

const hosts = new WeakMap<LocalNode, Map<string, PlacementHost>>();

export function hostOn(node: LocalNode, placement: string): PlacementHost | undefined {
  return hosts.get(node)?.get(placement);
}

/** How often it is asked again for what waits: only after nodes were cut off from each other need it be. */
const REMIND_MS = 1_000;

export interface HostOptions {
  readonly plan: PlacementPlan;
  readonly hosts: boolean;
  readonly startChild: StartChild;
}

type Effect = PlacementEffect<LocalPid>;

export class PlacementHost {
  readonly state: PlacementState<LocalPid>;
  readonly tally: Tally;
  readonly #self: Self<unknown>;
  readonly #process: Process;
  readonly #plan: PlacementPlan;
  readonly #processes: PlacedProcesses;
  readonly #calls = new PlacedCalls();
  readonly #gates = new Map<string, Gate>();
  /** What a DOWN is of, by its reference. */
  readonly #watched = new Map<unknown, NodeName>();
  #reminder: Timer | undefined;

  constructor(self: Self<unknown>, process: Process, { hosts: takes, plan, startChild }: HostOptions) {
    const { node } = process;
    this.#self = self;
    this.#process = process;
    this.#plan = plan;
    this.tally = new Tally(plan, node);
    const info = { node: node.name, hosts: takes, leaving: false, ready: false, version: plan.version };
    this.state = new PlacementState(process.pid, info, {
      placement: plan.name,
      concurrency: plan.concurrency,
      priority: (key) => this.tally.guarded(() => plan.priority(key), 0, `priority of ${key} failed`),
      endsAll: plan.handoff === "none",
      rebalances: plan.rebalance,
      eager: plan.eager,
      afresh: afresh(plan),
    });
    this.#processes = startProcesses({
      plan,
      process,
      identities: () => this.#kernel?.identities,
      calls: this.#calls,
      startChild,
      tally: this.tally,
      state: this.state,
      act: (effects) => this.act(effects),
    });
    const ofNode = hosts.get(node) ?? new Map<string, PlacementHost>();
    hosts.set(node, ofNode);
    ofNode.set(plan.name, this);
    onEnd(process, (reason) => {
      ofNode.delete(plan.name);
      this.#ended(reason);
    });
  }

  get #node(): LocalNode {
    return this.#process.node;
  }

  get #kernel(): NetKernel | undefined {
    const { network } = this.#node;
    return network instanceof NetKernel ? network : undefined;
  }

  /** Others take this node's keys for free ones as soon as they hear of it: nothing may run on. */
  #ended(reason: ExitReason): void {
    this.#reminder?.cancel();
    this.#processes.end();
    this.#calls.close(reason);
    for (const key of [...this.#gates.keys()]) this.#giveUp(key, undefined);
    this.tally.left();
  }

  // Sending

  /** Sends to the process of `key`, now or when it is there. */
  dispatch(key: string, sent: Sent): void {
    const pid = this.state.pidOf(key);
    if (pid !== undefined) return this.#deliver(key, pid, sent);
    let gate = this.#gates.get(key);
    if (gate === undefined) {
      gate = new Gate(this.#plan.capacity);
      this.#gates.set(key, gate);
    }
    if (!gate.add(sent)) this.tally.overflow(key, sent, gate);
    this.#want(key);
  }

  #want(key: string): void {
    this.act(this.state.wants(key));
    if (this.#reminder !== undefined || !this.#gates.has(key)) return;
    this.#reminder = this.#node.after(REMIND_MS, () => {
      this.#reminder = undefined;
      const [waiting] = this.#gates.keys();
      if (waiting === undefined) return;
      this.act(this.state.remind());
      this.#want(waiting);
    });
  }

  /** Whether `dispatch` would take a message now. */
  takes(key: string): boolean {
    return this.#gates.get(key)?.isFull !== true;
  }

  /** Resolves when the process of `key` is there. */
  opened(key: string): Promise<void> {
    if (this.state.pidOf(key) !== undefined) return Promise.resolve();
    const gate = this.#gates.get(key) ?? new Gate(this.#plan.capacity);
    this.#gates.set(key, gate);
    this.#want(key);
    return gate.opened;
  }

  #deliver(key: string, to: LocalPid, sent: Sent): void {
    const { process } = to;
    const since = this.state.entry(key)?.since ?? 0;
    try {
      if (sent.type === "call") {
        if (process === undefined) this.#calls.start(key, since, sent.from, to, sent.call);
        else deliverRelayed(process, sent.operation, sent.args, sent.call);
      } else if (process === undefined) {
        const { route } = to.home;
        if (sent.type === "cast") route?.cast(sent.from, to, sent.operation, sent.args);
        else route?.send(sent.from, to, sent.message);
      } else if (sent.type === "cast") deliverCast(process, sent.operation, sent.args);
      else deliverMessage(process, sent.message);
    } catch (error) {
      this.tally.warn(`a ${sent.type} to ${key} could not be sent`, error);
    }
  }

  #open(key: string, pid: LocalPid): void {
    const gate = this.#gates.get(key);
    if (gate === undefined) return;
    this.#gates.delete(key);
    for (const sent of gate.open()) this.#deliver(key, pid, sent);
  }

  #giveUp(key: string, error: unknown): void {
    const gate = this.#gates.get(key);
    if (gate === undefined) return;
    this.#gates.delete(key);
    const cause = error === undefined ? this.tally.error("not_started") : coded(error);
    let lost = 0;
    for (const sent of gate.giveUp(cause)) {
      if (sent.type === "call") sent.call.fail(cause);
      else lost++;
    }
    if (lost > 0) this.tally.warn(`${lost} messages to ${key} were lost: it could not be started`, cause);
  }

  // What happens

  told(from: LocalPid, said: unknown): void {
    const message = checkedMessage<LocalPid>(said);
    if (message !== undefined) this.act(this.state.received(from, message));
  }

  down(ref: unknown): void {
    const node = this.#watched.get(ref);
    if (node === undefined) return;
    this.#watched.delete(ref);
    this.act(this.state.lost(node));
  }

  act(effects: readonly Effect[]): void {
    for (const effect of effects) this.#do(effect);
  }

  #do(effect: Effect): void {
    switch (effect.type) {
      case "tell":
        for (const host of effect.to) this.#tell(host, host.node, effect.message);
        break;
      case "greet":
        this.#watch(effect.node);
        this.#tell(hostName(this.#plan.name), effect.node, effect.message);
        break;
      case "watch":
        this.#watch(effect.node);
        break;
      case "open":
        this.#open(effect.key, effect.pid);
        break;
      case "fail":
        this.#giveUp(effect.key, effect.error);
        break;
      case "broken":
        this.#calls.broken(effect.key, effect.since, effect.reason as ExitReason);
        break;
      default:
        this.#processes.act(effect);
    }
  }

  /** Never by a new connection: a message belongs to the one on which the host was heard of. */
  #tell(host: LocalPid | string, node: NodeName, message: PlacementMessage<LocalPid>): void {
    const { pid } = this.#process;
    try {
      this.#kernel?.connectedRoute(node)?.cast(pid, host, "told", [pid, message]);
    } catch (error) {
      this.tally.warn(`could not tell ${node} of a ${message.type}`, error);
    }
  }

  #watch(node: NodeName): void {
    if ([...this.#watched.values()].includes(node)) return;
    const { ref } = this.#self.monitor(remote(hostName(this.#plan.name), node));
    this.#watched.set(ref, node);
  }

  // Leaving

  /** Gives all keys away; resolves when that is done, or `deadlineMs` has passed. */
  async drain(deadlineMs: number): Promise<void> {
    const done = this.tally.drained();
    unowned(() => this.act(this.state.leave()));
    const limits = [
      this.#node.after(deadlineMs - this.#processes.savingMs(deadlineMs), () => this.act(this.state.deadline())),
      this.#node.after(deadlineMs, () => this.tally.deadline(this.state.own)),
    ];
    await done;
    for (const limit of limits) limit.cancel();
  }
}

/** A call whose caller waits for another call's answer. */
function deliverRelayed(process: Process, operation: string, args: readonly unknown[], call: OpenCall): void {
  if (call.settled) return;
  deliverCall(process, operation, args, {
    address: (call as Partial<IncomingCall>).address,
    reply: (value) => call.reply(value),
    exited: (reason) => call.fail(callFailed(call, reason)),
    refused: (error) => call.fail(error),
  });
}
