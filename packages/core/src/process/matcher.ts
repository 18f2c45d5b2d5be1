/**
 * Patterns of `receive`. A pattern with a key (`{ type: "pong" }`, a monitor's reference) is looked up in the index of
 * skipped messages instead of walking the mailbox again; one without a key is tried on each.
 */
import { badArgument } from "../errors.ts";

/** Selects messages of type `T` out of a mailbox. */
export interface Matcher<T> {
  /** For the compiler only. */
  readonly "~type"?: T;
  matches(message: unknown): boolean;
}
export type Matched<X> = X extends Matcher<infer T> ? T : never;

/** Any message of the process' own type, for `receive(anyMessage, { timeoutMs })`. */
export const anyMessage: unique symbol = Symbol("interlock.anyMessage");

/** The key under which a skipped message is indexed: its `type`, or the message itself when it is no object. */
export function keyOf(message: unknown): unknown {
  return typeof message === "object" && message !== null ? (message as { type?: unknown }).type : message;
}

/** A matcher as the mailbox sees it. */
export interface Selection {
  /** The only keys that can match, or undefined when any may. */
  readonly keys: readonly unknown[] | undefined;
  /** Whether it takes user messages, signals (DOWN, EXIT …), or both. */
  readonly user: boolean;
  readonly signals: boolean;
  /** Set when the key alone decides: no further test. */
  readonly exact: boolean;
  matches(message: unknown): boolean;
}

const selection = Symbol("interlock.selection");

/** Marks a class whose objects are selections themselves. */
export function isSelection(of: { readonly prototype: object }): void {
  Object.defineProperty(of.prototype, selection, { value: true });
}

/** A matcher that knows its own selection. */
export abstract class KeyedMatcher<T> implements Matcher<T>, Selection {
  declare readonly "~type"?: T;
  abstract readonly keys: readonly unknown[] | undefined;
  abstract readonly user: boolean;
  abstract readonly signals: boolean;
  abstract readonly exact: boolean;
  abstract matches(message: unknown): boolean;
}

isSelection(KeyedMatcher);

class TypePattern extends KeyedMatcher<unknown> {
  readonly keys: readonly unknown[];
  readonly user = true;
  readonly signals = false;
  readonly exact = true;
  constructor(type: unknown) {
    super();
    this.keys = [type];
  }
  matches(message: unknown): boolean {
    return typeof message === "object" && message !== null && (message as { type?: unknown }).type === this.keys[0];
  }
}

/** A message that is no object, and is its own key. */
class ValuePattern extends KeyedMatcher<unknown> {
  readonly keys: readonly unknown[];
  readonly user = true;
  readonly signals = false;
  readonly exact = true;
  constructor(value: unknown) {
    super();
    this.keys = [value];
  }
  matches(message: unknown): boolean {
    return message === this.keys[0];
  }
}

/** `{ type, … }` with more fields than `type`: the key narrows, the fields decide. */
class FieldsPattern extends KeyedMatcher<unknown> {
  readonly keys: readonly unknown[] | undefined;
  readonly user = true;
  readonly signals = false;
  readonly exact = false;
  readonly #fields: readonly (readonly [string, unknown])[];
  constructor(pattern: object) {
    super();
    this.#fields = Object.entries(pattern);
    this.keys = "type" in pattern ? [pattern.type] : undefined;
  }
  matches(message: unknown): boolean {
    if (typeof message !== "object" || message === null) return false;
    for (const [field, value] of this.#fields)
      if (!Object.is((message as Record<string, unknown>)[field], value)) return false;
    return true;
  }
}

class Guarded extends KeyedMatcher<unknown> {
  readonly keys: readonly unknown[] | undefined;
  readonly user: boolean;
  readonly signals: boolean;
  readonly exact = false;
  readonly #inner: Selection;
  readonly #guard: (message: never) => boolean;
  constructor(inner: Selection, guard: (message: never) => boolean) {
    super();
    this.keys = inner.keys;
    this.user = inner.user;
    this.signals = inner.signals;
    this.#inner = inner;
    this.#guard = guard;
  }
  matches(message: unknown): boolean {
    return this.#inner.matches(message) && this.#guard(message as never);
  }
}

class Predicate extends KeyedMatcher<unknown> {
  readonly keys = undefined;
  readonly user = true;
  readonly signals: boolean;
  readonly exact = false;
  readonly #test: (message: unknown) => boolean;
  constructor(test: (message: unknown) => boolean, signals: boolean) {
    super();
    this.#test = test;
    this.signals = signals;
  }
  matches(message: unknown): boolean {
    return this.#test(message);
  }
}

class AnyOf extends KeyedMatcher<unknown> {
  readonly keys: readonly unknown[] | undefined;
  readonly user: boolean;
  readonly signals: boolean;
  readonly exact = false;
  readonly #list: readonly Selection[];
  constructor(list: readonly Selection[]) {
    super();
    this.#list = list;
    this.user = list.some((one) => one.user);
    this.signals = list.some((one) => one.signals);
    this.keys = list.every((one) => one.keys !== undefined) ? list.flatMap((one) => one.keys ?? []) : undefined;
  }
  matches(message: unknown): boolean {
    for (const one of this.#list) if (one.matches(message)) return true;
    return false;
  }
}

/** What the mailbox needs to know of whatever `receive` was given. */
export function selectionOf(pattern: unknown): Selection {
  if (typeof pattern === "object" && pattern !== null) {
    if (selection in pattern) return pattern as unknown as Selection;
    if (typeof (pattern as Partial<Matcher<unknown>>).matches === "function")
      return new Predicate((message) => (pattern as Matcher<unknown>).matches(message), true);
    if ("type" in pattern && Object.keys(pattern).length === 1) return new TypePattern(pattern.type);
    return new FieldsPattern(pattern);
  }
  if (typeof pattern === "function") return new Predicate(pattern as (message: unknown) => boolean, false);
  if (pattern === undefined || pattern === anyMessage)
    throw badArgument("the pattern", pattern, "a pattern or a matcher");
  return new ValuePattern(pattern);
}

/**
 * A pattern with a guard. A guard must depend on the message alone: it may be tried again.
 *
 * @example
 * type Order = { readonly type: "order"; readonly amount: number };
 * const desk = spawn<Order>(async (self) => {
 *   const big = await self.receive(when({ type: "order" }, (order: Order) => order.amount > 100));
 *   console.log(big.amount); // 500
 * });
 * send(desk, { type: "order", amount: 20 });
 * send(desk, { type: "order", amount: 500 });
 */
export function when<T>(
  pattern:
    | Matcher<T>
    | ((message: unknown) => message is T)
    | ([T] extends [{ readonly type: infer K }] ? { readonly type: K } : never),
  guard?: (message: T) => boolean,
): Matcher<T> {
  const inner = selectionOf(pattern);
  return (guard === undefined ? inner : new Guarded(inner, guard)) as Matcher<T>;
}

/**
 * What any of the matchers takes, oldest first.
 *
 * @example
 * spawn(async (self) => {
 *   const exits = self.trapExit();
 *   const printer = self.monitor(spawn((other) => other.exit("out of paper")));
 *   const either = await self.receive(anyOf(printer.down, exits));
 *   console.log(either.type, either.reason); // DOWN out of paper
 * });
 */
export function anyOf<const L extends readonly Matcher<unknown>[]>(...list: L): Matcher<Matched<L[number]>> {
  return new AnyOf(list.map(selectionOf)) as Matcher<Matched<L[number]>>;
}
