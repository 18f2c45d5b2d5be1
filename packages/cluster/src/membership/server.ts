/**
 * The process that keeps a node's membership: what happens to the node goes in as casts, what follows from it comes out as
 * messages, dials and changes. Should it crash, its supervisor starts it anew, and it joins its cluster as any node does.
 */
import {
  type AnyGenServer,
  genServer,
  type LocalNode,
  type NodeName,
  noreply,
  type Pid,
  type SystemMessage,
  self,
  sendAfter,
} from "@interlock/core";
import { deliverCast, type LocalPid, type Process } from "@interlock/core/distribution";
import type { Arbiter } from "../arbiter/arbiter.ts";
import { checkedArbiterMessage } from "../arbiter/messages.ts";
import type { Findings } from "../discovery/findings.ts";
import { monitorNodes } from "../node/monitor-nodes.ts";
import { type NetKernel, NobodyListens } from "../node/net-kernel.ts";
import { Disagreement } from "./disagreement.ts";
import { checkedMessage } from "./messages.ts";
import { type Effect, type MembershipChange, type MembershipRules, MembershipState } from "./state.ts";

/** Under what name other nodes find it. */
export const MEMBERSHIP = "interlock_membership";

/** How long a node is in no cluster before that is reported; then after twice as long, and so on. */
const REPORT_AFTER_MS = 30_000;

export interface MembershipServerOptions {
  readonly local: LocalNode;
  readonly kernel: NetKernel;
  readonly rules: MembershipRules;
  readonly tickMs: number;
  readonly findings: Findings;
  /** Undefined: nobody decides, each side of a split goes on. */
  readonly arbiter: Arbiter | undefined;
  /** A process has begun; it may not be the first. */
  readonly begun: (inputs: MembershipInputs) => void;
  readonly changed: (state: MembershipState, changes: readonly MembershipChange[]) => void;
  readonly left: () => void;
  /** The node is not part of its network any more. */
  readonly stopped: () => void;
}

/** What may be said to the process from outside. */
export interface MembershipInputs {
  found(): void;
  /** The arbiter has something to say. */
  arbitrated(): void;
  /** By the connection that is there. */
  tell(nodes: readonly NodeName[], message: object): void;
  leave(): void;
}

interface Tick {
  readonly type: "tick";
}

export function membershipServer(options: MembershipServerOptions): AnyGenServer {
  const { begun, findings, kernel, local, tickMs } = options;
  const now = (): number => local.runtime.clock.now();
  const tick = (): void => void sendAfter(tickMs, self().pid as Pid<Tick>, { type: "tick" });
  return genServer({
    name: "membership",
    init() {
      const { process } = self().pid as unknown as LocalPid;
      if (process === undefined) throw new Error("a process that begins is there");
      const cast = (operation: string, ...args: readonly unknown[]): void => deliverCast(process, operation, args);
      const shell = new Shell(options, process, cast);
      monitorNodes();
      begun({
        found: () => cast("found"),
        arbitrated: () => cast("arbitrated"),
        tell: (nodes, message) => shell.tell(nodes, message),
        leave: () => cast("leave"),
      });
      for (const node of kernel.nodes("connected")) shell.linked(node);
      shell.act((state) => state.found(findings.nodes, findings.complete, now()));
      tick();
      return shell;
    },
    casts: {
      /** From another node's. What is no message, or one of a later version, is not heard. */
      told({ state: shell }, said: unknown) {
        const message = checkedMessage(said);
        const asked = checkedArbiterMessage(said);
        if (asked !== undefined) options.arbiter?.received(asked);
        if (message !== undefined) shell.act((state) => state.received(message, now()));
        return noreply();
      },
      notReached({ state: shell }, node: NodeName, isRefused: boolean) {
        shell.act((state) => state.dialFailed(node, now(), isRefused));
        return noreply();
      },
      found({ state: shell }) {
        shell.act((state) => state.found(findings.nodes, findings.complete, now()));
        return noreply();
      },
      arbitrated({ state: shell }) {
        shell.claim(now());
        return noreply();
      },
      leave({ state: shell }) {
        shell.act((state) => state.leave(now()));
        return noreply();
      },
      ended({ state: shell }) {
        shell.act((state) => state.ended(now()));
        return noreply();
      },
    },
    info({ state: shell }, message: SystemMessage | Tick | undefined | null) {
      // Whatever else is sent to the name is none of its business.
      if (message?.type === "nodeup") shell.linked(message.node);
      else if (message?.type === "nodedown") shell.act((state) => state.unlinked(message.node, now()));
      else if (message?.type === "tick") {
        if (local.network !== kernel) options.stopped();
        shell.act((state) => state.tick(now()));
        shell.reportWaiting(now());
        shell.reportDiffering(now());
        tick();
      }
      return noreply();
    },
  });
}

/** The state of the process, and how its effects are carried out. */
class Shell {
  readonly #options: MembershipServerOptions;
  readonly #process: Process;
  readonly #cast: (operation: string, ...args: readonly unknown[]) => void;
  readonly #state: MembershipState;
  readonly #disagreement = new Disagreement();
  #reportAtMs: number;
  #reportPauseMs = REPORT_AFTER_MS;

  constructor(
    options: MembershipServerOptions,
    process: Process,
    cast: (operation: string, ...args: readonly unknown[]) => void,
  ) {
    const { kernel, local, rules } = options;
    const { clock, random } = local.runtime;
    this.#options = options;
    this.#process = process;
    this.#cast = cast;
    const self = { node: local.name, incarnation: kernel.creation };
    this.#state = new MembershipState(self, rules, random, clock.now(), options.arbiter?.known);
    this.#reportAtMs = clock.now() + REPORT_AFTER_MS;
  }

  linked(node: NodeName): void {
    const nowMs = this.#options.local.runtime.clock.now();
    const route = this.#options.kernel.connectedRoute(node);
    if (route === undefined) return; // It has gone again, and that will be heard of next.
    this.act((state) => (route.rich ? state.linked(node, nowMs) : state.stranger(node, nowMs)));
  }

  claim(nowMs: number): void {
    const { arbiter } = this.#options;
    if (arbiter !== undefined) this.act((state) => state.claimed(arbiter.claim, nowMs));
  }

  act(step: (state: MembershipState) => readonly Effect[]): void {
    const changes: MembershipChange[] = [];
    const effects = step(this.#state);
    for (const effect of effects) {
      switch (effect.type) {
        case "dial":
          this.#dial(effect.node);
          break;
        case "tell":
          this.tell(effect.nodes, effect.message);
          break;
        case "changed":
          changes.push(effect.change);
          break;
        case "merged":
          this.#warn(
            `cluster ${effect.from} is ${effect.into} from now on, that of ${effect.node}: the two were begun apart`,
          );
          break;
        case "end":
          void this.#options.arbiter?.halt().then(() => this.#cast("ended"));
          break;
        case "left":
          break;
      }
    }
    this.#options.changed(this.#state, changes);
    this.#options.arbiter?.surrounded(this.#state.surroundings);
    // Last: whoever waits for it finds everything done.
    if (effects.some(({ type }) => type === "left")) this.#options.left();
  }

  reportWaiting(nowMs: number): void {
    const { waitingFor } = this.#state;
    if (waitingFor === undefined || nowMs < this.#reportAtMs) return;
    this.#reportPauseMs *= 2;
    this.#reportAtMs = nowMs + this.#reportPauseMs;
    this.#warn(`is in no cluster yet: ${waitingFor}`);
  }

  reportDiffering(nowMs: number): void {
    const { differing, view } = this.#state;
    const text = this.#disagreement.seen(view, differing, nowMs);
    if (text !== undefined) this.#warn(text);
  }

  #dial(node: NodeName): void {
    this.#options.kernel.connect(node).catch(({ cause }: Error) => {
      this.#cast("notReached", node, cause instanceof NobodyListens);
    });
  }

  /** Never by a new connection: a message belongs to the one on which the node was heard of. */
  tell(nodes: readonly NodeName[], message: object): void {
    for (const node of nodes)
      this.#options.kernel.connectedRoute(node)?.cast(this.#process.pid, MEMBERSHIP, "told", [message]);
  }

  #warn(text: string): void {
    const { local } = this.#options;
    const at = local.runtime.clock.wallTime();
    local.report({
      type: "warning",
      pid: this.#process.pid,
      label: `${local.name} membership`,
      text,
      details: undefined,
      at,
    });
  }
}
