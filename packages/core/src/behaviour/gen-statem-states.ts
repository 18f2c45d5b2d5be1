/**
 * A module's states as the machine looks them up: for each state one table, in which the handlers for any state fill
 * what the state itself leaves open. Made once for each module and shared by all of its processes.
 */
import type { AnyStatemModule } from "./gen-statem.ts";

export type Handler = (ctx: unknown, ...args: readonly unknown[]) => unknown;
type Handlers = Readonly<Record<string, Handler | undefined>>;

/** Handlers as a module or one of its states declares them. */
interface Declared {
  readonly enter?: Handler;
  readonly stateTimeout?: Handler;
  readonly eventTimeout?: Handler;
  readonly timeouts?: Handlers;
  readonly calls?: Handlers;
  readonly casts?: Handlers;
  readonly info?: Handler;
  readonly internal?: Handlers;
}

export class StateTable {
  readonly name: string;
  readonly enter: Handler | undefined;
  readonly stateTimeout: Handler | undefined;
  readonly eventTimeout: Handler | undefined;
  readonly timeouts: Handlers;
  readonly calls: Handlers;
  readonly casts: Handlers;
  readonly info: Handler | undefined;
  readonly internal: Handlers;

  constructor(name: string, own: Declared, any: Declared) {
    this.name = name;
    this.enter = own.enter ?? any.enter;
    this.stateTimeout = own.stateTimeout ?? any.stateTimeout;
    this.eventTimeout = own.eventTimeout ?? any.eventTimeout;
    this.timeouts = merged(any.timeouts, own.timeouts);
    this.calls = merged(any.calls, own.calls);
    this.casts = merged(any.casts, own.casts);
    this.info = own.info ?? any.info;
    this.internal = merged(any.internal, own.internal);
  }
}

/** Without a prototype: an event may well be called `toString`. */
function merged(any: Handlers | undefined, own: Handlers | undefined): Handlers {
  return Object.assign(Object.create(null) as Handlers, any, own);
}

export class Definition {
  readonly module: AnyStatemModule;
  /** The names of all operations that some state handles. */
  readonly calls: Readonly<Record<string, unknown>>;
  readonly casts: Readonly<Record<string, unknown>>;
  readonly #tables: ReadonlyMap<string, StateTable>;

  constructor(module: AnyStatemModule) {
    this.module = module;
    const any = module as Declared;
    const tables = Object.entries(module.states).map(([name, own]) => new StateTable(name, own as Declared, any));
    this.#tables = new Map(tables.map((table) => [table.name, table]));
    this.calls = Object.assign({}, ...tables.map((table) => table.calls)) as Handlers;
    this.casts = Object.assign({}, ...tables.map((table) => table.casts)) as Handlers;
  }

  /** The table of a state; undefined for what is no state of this machine. */
  table(state: unknown): StateTable | undefined {
    return this.#tables.get(state as string);
  }
}

const definitions = new WeakMap<AnyStatemModule, Definition>();

export function definitionOf(module: AnyStatemModule): Definition {
  let definition = definitions.get(module);
  if (definition === undefined) {
    definition = new Definition(module);
    definitions.set(module, definition);
  }
  return definition;
}
