/**
 * The machine of a reflector and its store against a server that does whatever an API server may: answers in any order and any
 * pieces, cuts, expired versions, lists that expire between two pages, streams of which the first objects come in any order,
 * silence, refusals; and a reflector that crashes. At every moment the store has exactly what the server had in one version, and
 * that version never goes back.
 */
import fc from "fast-check";
import { expect, test } from "vitest";

import { KubernetesError } from "../errors.ts";
import { ObjectStore } from "./object-store.ts";
import {
  isInStep,
  type Moment,
  type ReflectorEffect,
  type ReflectorEvent,
  type ReflectorState,
  reflectorState,
  step,
} from "./reflector-state.ts";
import { type KubernetesObject, keyOf, type Stored } from "./resource.ts";
import type { WatchEvent } from "./watch.ts";

type Object = Stored<KubernetesObject>;
type Ask = Extract<ReflectorEffect<KubernetesObject>, { type: "list" | "watch" | "read" }>;

const rules = {
  inactivityMs: 90_000,
  watchMs: 300_000,
  relistMs: 1_800_000,
  pageSize: 2,
  backOff: { firstMs: 800, longestMs: 30_000 },
};
const what = { verb: "watch", resource: "pods", namespace: undefined };
const expired = (): KubernetesError => new KubernetesError("INTERLOCK_KUBERNETES_EXPIRED", "expired", what);
const invalid = (): KubernetesError =>
  new KubernetesError("INTERLOCK_KUBERNETES_INVALID", "no streams", { ...what, name: undefined, causes: [] });
const throttled = (): KubernetesError =>
  new KubernetesError("INTERLOCK_KUBERNETES_THROTTLED", "too much", { ...what, retryAfterMs: 5_000 });

interface Change {
  readonly version: number;
  readonly event: Exclude<WatchEvent, { type: "BOOKMARK" }>;
}

class Server {
  version = 10;
  compacted = 0;
  uids = 0;
  readonly streams: boolean;
  readonly objects = new Map<string, Object>();
  readonly changes: Change[] = [];
  /** What there was in each version. */
  readonly past = new Map<number, string>([[10, "[]"]]);

  constructor(streams: boolean) {
    this.streams = streams;
  }

  write(name: string, isDelete: boolean): void {
    const before = this.objects.get(name);
    if (before === undefined && isDelete) return;
    const version = ++this.version;
    const uid = before?.metadata.uid ?? `uid-${++this.uids}`;
    const object: Object = { metadata: { name, uid, resourceVersion: String(version) } };
    const type = isDelete ? "DELETED" : before === undefined ? "ADDED" : "MODIFIED";
    if (isDelete) this.objects.delete(name);
    else this.objects.set(name, object);
    this.changes.push({ version, event: { type, object } });
    this.past.set(version, shown(this.objects.values()));
  }

  since(version: number): readonly Change[] {
    return this.changes.filter((change) => change.version > version);
  }
}

function shown(objects: Iterable<Object>): string {
  const all = [...objects].map(({ metadata }) => `${metadata.name} ${metadata.uid} ${metadata.resourceVersion}`);
  return JSON.stringify(all.toSorted());
}

/** One connection of a watch, from the server's side. */
interface Stream {
  /** Of a list that is streamed, in the order in which they come; undefined once their end was told. */
  first: Object[] | undefined;
  sent: number;
}

interface Answer {
  readonly kind: "well" | "cut" | "throttled" | "ended" | "never";
  readonly size: number;
  readonly which: number;
  readonly order: number;
}

class World {
  readonly server: Server;
  readonly store = new ObjectStore<KubernetesObject>();
  state: ReflectorState<KubernetesObject> = reflectorState(rules);
  nowMs = 0;
  alarmMs: number | undefined;
  version = -1;
  asked: Ask[] = [];
  readonly streams = new Map<number, Stream>();
  readonly snapshots = new Map<string, { readonly version: number; readonly rest: readonly Object[] }>();
  readonly randoms: readonly number[];
  used = 0;
  readonly seen = { expired: 0, lists: 0, expiredPages: 0, silent: 0, unstreamed: 0 };

  constructor(streams: boolean, randoms: readonly number[]) {
    this.server = new Server(streams);
    this.randoms = randoms;
    for (const name of ["a", "b", "c", "d", "e"]) this.server.write(name, false);
    this.take({ type: "start" });
  }

  take(event: ReflectorEvent<KubernetesObject>): void {
    const moment: Moment = { nowMs: this.nowMs, random: this.randoms[this.used++ % this.randoms.length] ?? 0 };
    const [state, effects] = step(this.state, event, moment);
    this.state = state;
    for (const effect of effects) this.carryOut(effect);
  }

  carryOut(effect: ReflectorEffect<KubernetesObject>): void {
    if (effect.type === "wake") this.alarmMs = Math.min(this.alarmMs ?? Number.POSITIVE_INFINITY, effect.atMs);
    else if (effect.type === "replace") {
      this.seen.lists++;
      const before = new Map([...this.store.all()].map((object) => [keyOf(object), object]));
      const changed = new Set(this.store.replace(effect.objects));
      for (const key of new Set([...before.keys(), ...this.store.keys()])) {
        const isSame = before.get(key)?.metadata.resourceVersion === this.store.get(key)?.metadata.resourceVersion;
        expect(changed.has(key)).toBe(!isSame);
      }
      this.check();
    } else if (effect.type === "change") {
      this.store.change(effect.events);
      this.check();
    } else if (effect.type !== "cancel") this.asked.push(effect); // A cancelled request may be answered all the same.
  }

  /** The store is what the server had in one version, not before the last one. */
  check(): void {
    const now = shown(this.store.all());
    const found = [...this.server.past].find(([version, past]) => version >= this.version && past === now);
    expect(found, `${now} was never there after ${this.version}`).toBeDefined();
    this.version = found?.[0] ?? 0;
  }

  answer({ kind, order, size, which }: Answer): void {
    const at = which % Math.max(1, this.asked.length);
    const ask = this.asked[at];
    if (ask === undefined || kind === "never") return;
    this.asked.splice(at, 1);
    const { attempt } = ask;
    const fail = (error: unknown): void => this.take({ type: "failed", attempt, error });
    if (kind === "cut") return fail(new Error("reset"));
    if (kind === "throttled") return fail(throttled());
    if (ask.type === "list") this.list(ask);
    else if (ask.type === "watch") this.watch(ask, order);
    else this.read(ask, kind === "ended", size);
  }

  list({ attempt, continue: token, limit }: Extract<Ask, { type: "list" }>): void {
    const asked = token === undefined ? undefined : this.snapshots.get(token);
    if (token !== undefined && (asked === undefined || asked.version < this.server.compacted)) {
      this.seen.expiredPages++;
      return this.take({ type: "failed", attempt, error: expired() });
    }
    const { rest, version } = asked ?? { rest: [...this.server.objects.values()], version: this.server.version };
    const size = limit || rest.length;
    const next = rest.length > size ? `${attempt}-${rest.length}` : undefined;
    if (next !== undefined) this.snapshots.set(next, { version, rest: rest.slice(size) });
    const items = rest.slice(0, size);
    this.take({ type: "page", attempt, items, resourceVersion: String(version), continue: next });
  }

  watch({ attempt, resourceVersion, sendInitialEvents }: Extract<Ask, { type: "watch" }>, order: number): void {
    if (sendInitialEvents && !this.server.streams) {
      this.seen.unstreamed++;
      return this.take({ type: "failed", attempt, error: invalid() });
    }
    const first = resourceVersion === undefined ? [...this.server.objects.values()] : undefined;
    first?.sort((a, b) => hash(a, order) - hash(b, order));
    this.streams.set(attempt, { first, sent: Number(resourceVersion ?? this.server.version) });
    this.take({ type: "opened", attempt });
  }

  read(ask: Extract<Ask, { type: "read" }>, isEnded: boolean, size: number): void {
    const { attempt } = ask;
    const stream = this.streams.get(attempt) as Stream;
    if (isEnded) return this.take({ type: "ended", attempt });
    const events: WatchEvent[] = [];
    if (stream.first !== undefined) {
      for (const object of stream.first.splice(0, size)) events.push({ type: "ADDED", object });
      if (stream.first.length === 0 && events.length < size) {
        stream.first = undefined;
        events.push({ type: "BOOKMARK", resourceVersion: String(stream.sent), isInitialEnd: true });
      }
    }
    if (stream.first === undefined) {
      if (stream.sent < this.server.compacted) {
        this.seen.expired++;
        if (events.length > 0) this.asked.push(ask);
        else return this.take({ type: "failed", attempt, error: expired() });
      } else {
        for (const { event, version } of this.server.since(stream.sent).slice(0, size - events.length)) {
          events.push(event);
          stream.sent = version;
        }
        // How far it is, once there is nothing to tell.
        if (events.length === 0 && size > 3) {
          stream.sent = this.server.version;
          events.push({ type: "BOOKMARK", resourceVersion: String(stream.sent), isInitialEnd: false });
        }
      }
    }
    if (events.length > 0) this.take({ type: "events", attempt, events });
    else this.asked.push(ask);
  }

  pass(ms: number): void {
    const untilMs = this.nowMs + ms;
    while (this.alarmMs !== undefined && this.alarmMs <= untilMs) {
      this.nowMs = Math.max(this.nowMs, this.alarmMs);
      this.alarmMs = undefined;
      if (this.state.phase.type === "watching" || this.state.phase.type === "streaming") this.seen.silent++;
      this.take({ type: "alarm" });
    }
    this.nowMs = untilMs;
  }

  get isCalm(): boolean {
    const all = shown(this.store.all()) === shown(this.server.objects.values());
    return all && this.state.phase.type === "watching" && isInStep(this.state, this.nowMs);
  }

  crash(): void {
    this.alarmMs = undefined;
    this.asked = [];
    this.state = reflectorState(rules);
    this.take({ type: "start" });
  }

  /** All goes well now, for some minutes at most. */
  calm(): void {
    for (let turn = 0; turn < 400 && !this.isCalm; turn++) {
      const well: Answer = { kind: "well", size: 5, which: this.asked.length - 1, order: 0 };
      for (let count = 0; count < 4; count++) this.answer(well);
      this.pass(1_000);
    }
  }
}

function hash({ metadata }: Object, order: number): number {
  return (metadata.name.charCodeAt(0) * 7_919 * (order + 1)) % 101;
}

const answer: fc.Arbitrary<Answer> = fc.record({
  kind: fc.constantFrom("well", "well", "well", "well", "well", "cut", "throttled", "ended", "never"),
  size: fc.integer({ min: 1, max: 6 }),
  which: fc.nat(3),
  order: fc.nat(20),
});
const operation = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant("answer" as const), answer }) },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant("write" as const),
      name: fc.constantFrom("a", "b", "c", "d", "e"),
      isDelete: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant("pass" as const), ms: fc.constantFrom(10, 500, 2_000, 40_000, 100_000) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("compact" as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("crash" as const) }) },
);
const randoms = fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 1, maxLength: 8 });

test("a reflector has what the server had, never what is older than before, and in the end all that it has", () => {
  const seen = { expired: 0, lists: 0, expiredPages: 0, silent: 0, unstreamed: 0 };
  fc.assert(
    fc.property(fc.boolean(), randoms, fc.array(operation, { maxLength: 120, size: "max" }), (streams, chance, all) => {
      const world = new World(streams, chance);
      for (const one of all) {
        if (one.type === "answer") world.answer(one.answer);
        if (one.type === "write") world.server.write(one.name, one.isDelete);
        if (one.type === "pass") world.pass(one.ms);
        if (one.type === "compact") world.server.compacted = world.server.version;
        if (one.type === "crash") world.crash();
      }
      world.calm();
      expect(shown(world.store.all())).toBe(shown(world.server.objects.values()));
      expect(world.isCalm, `${world.state.phase.type} after ${world.nowMs} ms`).toBe(true);
      for (const name of Object.keys(seen) as (keyof typeof seen)[]) seen[name] += world.seen[name];
    }),
    { numRuns: 2_500 },
  );
  // Else nothing of it was tried.
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(50);
});
