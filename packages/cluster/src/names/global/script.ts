/**
 * Conversations with many nodes, told as generators: what a script needs done it yields, and is resumed with what came of
 * it. So the locker reads as one course of events, and a test can interleave many of them as it likes.
 */
import type { NodeName, Timer } from "@interlock/core";
import type { GlobalRequest } from "./requests.ts";

/** The nodes that have answered, and whether the answer was `true`. */
export type Replies = ReadonlyMap<NodeName, boolean>;

type Step<M> =
  /** Resumed with the replies, once every node has answered or cannot. */
  | { readonly type: "call"; readonly nodes: readonly NodeName[]; readonly request: GlobalRequest }
  | { readonly type: "pause"; readonly ms: number }
  /** Resumed with the first message that is wanted, or undefined after that time. */
  | { readonly type: "receive"; readonly wants: (message: M) => boolean; readonly withinMs: number | undefined };

export type Script<M, R> = Generator<Step<M>, R, unknown>;

export function* call<M>(nodes: readonly NodeName[], request: GlobalRequest): Script<M, Replies> {
  if (nodes.length === 0) return new Map();
  return (yield { type: "call", nodes, request }) as Replies;
}

export function* pause<M>(ms: number): Script<M, void> {
  yield { type: "pause", ms };
}

export function* receive<M>(withinMs?: number, wants: (message: M) => boolean = () => true): Script<M, M | undefined> {
  return (yield { type: "receive", wants, withinMs }) as M | undefined;
}

export interface ScriptPorts {
  /** `answered` is called later, not from within. */
  call(nodes: readonly NodeName[], request: GlobalRequest, answered: (replies: Replies) => void): void;
  after(delayMs: number, callback: () => void): Pick<Timer, "cancel">;
}

/** A script that runs, and the messages that it has not taken yet. */
export class RunningScript<M, R> {
  readonly #script: Script<M, R>;
  readonly #ports: ScriptPorts;
  readonly #done: (result: R) => void;
  #mailbox: M[] = [];
  #waiting: { readonly wants: (message: M) => boolean; readonly timer: Pick<Timer, "cancel"> | undefined } | undefined;

  constructor(script: Script<M, R>, ports: ScriptPorts, done: (result: R) => void = () => undefined) {
    this.#script = script;
    this.#ports = ports;
    this.#done = done;
    this.#resume(undefined);
  }

  push(message: M): void {
    const waiting = this.#waiting;
    if (waiting?.wants(message) !== true) {
      this.#mailbox.push(message);
      return;
    }
    waiting.timer?.cancel();
    this.#waiting = undefined;
    this.#resume(message);
  }

  #resume(first: unknown): void {
    for (let value = first; ; ) {
      const next = this.#script.next(value);
      if (next.done === true) return this.#done(next.value);
      const step = next.value;
      if (step.type === "call") return this.#ports.call(step.nodes, step.request, (replies) => this.#resume(replies));
      if (step.type === "pause") return void this.#ports.after(step.ms, () => this.#resume(undefined));
      const { wants, withinMs } = step;
      const at = this.#mailbox.findIndex(wants);
      if (at < 0) return this.#wait(wants, withinMs);
      [value] = this.#mailbox.splice(at, 1);
    }
  }

  #wait(wants: (message: M) => boolean, withinMs: number | undefined): void {
    const over = (): void => {
      this.#waiting = undefined;
      this.#resume(undefined);
    };
    this.#waiting = { wants, timer: withinMs === undefined ? undefined : this.#ports.after(withinMs, over) };
  }
}
