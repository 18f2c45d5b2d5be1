/**
 * Identifiers. Equal pids are one object within a node, so `===` compares them; the process behind a local pid hangs
 * on it until its end. The numbers are Erlang's: an id that grows, the scheduler's index, the node's creation.
 */
import type { Process } from "./process.ts";
import type { Route } from "./route.ts";

/** Names of nodes look like `name@host`. */
export type NodeName = `${string}@${string}`;

/** A process identifier that accepts messages of type `M` (contravariant: a pid of more is a pid of less). */
export interface Pid<in M = never> {
  /** For the compiler only: nothing structural passes for a pid. */
  readonly "~accepts": (message: M) => void;
  readonly node: NodeName;
  /** `<0.42.0>` on its own node; unique and readable. */
  toString(): string;
}

/** A unique reference: of a monitor, a call, a timer. */
export interface Ref {
  /** For the compiler only. */
  readonly "~ref": true;
  toString(): string;
}

/** One life of a node, as identifiers refer to it: a node that was started again is another home. */
export interface Home {
  readonly name: NodeName;
  /** 0 is this node, as in Erlang's printed pids. */
  readonly index: number;
  /** How to reach it; undefined for this node. */
  readonly route: Route | undefined;
}

/** The object behind every `Pid`. `process` is undefined for the dead and for processes of other nodes. */
export class LocalPid<in M = never> implements Pid<M> {
  declare readonly "~accepts": (message: M) => void;
  readonly home: Home;
  readonly id: number;
  process: Process | undefined;

  constructor(home: Home, id: number, process: Process | undefined) {
    this.home = home;
    this.id = id;
    this.process = process;
  }

  get node(): NodeName {
    return this.home.name;
  }

  toString(): string {
    return this.home.index === 0 ? `<0.${this.id}.0>` : `<${this.home.name}.${this.id}.0>`;
  }

  toJSON(): string {
    return this.toString();
  }
}

/** A process of another node. */
export class RemotePid<in M = never> extends LocalPid<M> {
  /** Erlang's second number; of Interlock's processes the index of their scheduler. */
  readonly serial: number;

  constructor(home: Home, id: number, serial: number) {
    super(home, id, undefined);
    this.serial = serial;
  }

  override toString(): string {
    return `<${this.home.name}.${this.id}.${this.serial}>`;
  }
}

let references = 0;

/** The object behind every `Ref`; monitors and aliases extend it, so that a reference is never a second object. */
export class Reference implements Ref {
  declare readonly "~ref": true;
  readonly id: number = ++references;

  toString(): string {
    return `#Ref<0.${this.id}>`;
  }

  toJSON(): string {
    return this.toString();
  }
}

/** A reference that another node made; if it is an alias there, messages may be sent to it. */
export class RemoteReference extends Reference {
  readonly home: Home;
  /** Words of 32 bits, the least significant first. */
  readonly words: readonly number[];

  constructor(home: Home, words: readonly number[]) {
    super();
    this.home = home;
    this.words = words;
  }

  override toString(): string {
    return `#Ref<${this.home.name}.${this.words.toReversed().join(".")}>`;
  }
}

// console.log and util.inspect show identifiers as Erlang prints them.
for (const shown of [LocalPid, Reference])
  Object.defineProperty(shown.prototype, Symbol.for("nodejs.util.inspect.custom"), {
    value(this: LocalPid | Reference): string {
      return this.toString();
    },
  });

export function isPid(value: unknown): value is Pid {
  return value instanceof LocalPid;
}

/** A new unique reference. @see erlang:make_ref/0 */
export function makeRef(): Ref {
  return new Reference();
}

/** The pid of a process as its callers see it: what it accepts is known to the compiler only. */
export function pidOf<M>(process: Process): Pid<M> {
  return process.pid as LocalPid<never> as LocalPid<M>;
}

/** From the public type to the object behind it: there is one class of pids. */
export function localPid(pid: Pid): LocalPid {
  return pid as LocalPid;
}
