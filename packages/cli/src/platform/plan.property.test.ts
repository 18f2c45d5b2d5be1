import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ended, type NodeRecord, newRecord, said, signalled, started, stateOf } from "./node-record.ts";
import { type Desired, defaultLimits, type Limits, type Plan, plan } from "./plan.ts";

/** What happens, apart from what the platform does; ids are those of three nodes. */
const id = fc.constantFrom("a-1", "a-2", "a-3");
const happening = fc.oneof(
  fc.record({ type: fc.constantFrom("says ready", "says draining", "ends"), id }),
  fc.record({ type: fc.constantFrom("is wanted", "is to stop", "is to go"), id }),
  fc.record({ type: fc.constant("time passes" as const), byMs: fc.integer({ min: 0, max: 100_000 }) }),
  fc.record({ type: fc.constant("hurry" as const) }),
);
type Happening = typeof happening extends fc.Arbitrary<infer Value> ? Value : never;

/** A platform without processes: does what the plan says, and notes when it did what. */
class Model {
  nowMs = 0;
  records = new Map<string, NodeRecord>();
  wanted = new Map<string, "running" | "stopped">([["a-1", "running"]]);
  haste: Desired["haste"] = 0;
  readonly log: { readonly atMs: number; readonly what: string; readonly id: string }[] = [];

  get desired(): Desired {
    return { nodes: this.wanted, haste: this.haste };
  }

  happens(one: Happening): void {
    if (one.type === "time passes") this.#pass(one.byMs);
    else if (one.type === "hurry") this.haste = this.haste === 0 ? 1 : 2;
    else if (one.type === "is wanted") this.wanted.set(one.id, "running");
    else if (one.type === "is to stop") this.wanted.set(one.id, "stopped");
    else if (one.type === "is to go") this.wanted.delete(one.id);
    else this.#node(one.type, one.id);
    this.act();
  }

  act(): number | undefined {
    for (let rounds = 0; ; rounds += 1) {
      expect(rounds).toBeLessThan(5);
      const { actions, wakeMs } = plan(this.desired, this.records, this.nowMs, defaultLimits);
      if (actions.length === 0) return wakeMs;
      for (const action of actions) {
        const record = this.records.get(action.id);
        this.log.push({
          atMs: this.nowMs,
          what: action.type === "signal" ? action.signal : action.type,
          id: action.id,
        });
        if (action.type === "start") {
          expect(record?.life).toBeUndefined();
          expect(this.wanted.get(action.id)).toBe("running");
          this.records.set(action.id, started(record ?? newRecord(action.id), this.nowMs));
        } else if (action.type === "signal") {
          expect(record?.life).toBeDefined();
          this.records.set(action.id, signalled(record as NodeRecord, action.signal, this.nowMs));
        } else {
          expect(this.wanted.has(action.id)).toBe(false);
          this.records.delete(action.id);
        }
      }
    }
  }

  /** The alarm goes off whenever it is due on the way. */
  #pass(byMs: number): void {
    const untilMs = this.nowMs + byMs;
    for (let wakeMs = this.act(); wakeMs !== undefined && wakeMs <= untilMs; wakeMs = this.act()) {
      expect(wakeMs).toBeGreaterThan(this.nowMs);
      this.nowMs = wakeMs;
    }
    this.nowMs = untilMs;
  }

  #node(what: string, node: string): void {
    const record = this.records.get(node);
    if (record?.life === undefined) return;
    if (what === "ends") {
      this.log.push({ atMs: this.nowMs, what: "ends", id: node });
      this.records.set(node, ended(record, defaultLimits.stableMs, this.nowMs));
    } else this.records.set(node, said(record, what === "says ready" ? "ready" : "draining"));
  }
}

const lives = fc.array(happening, { maxLength: 60 });

function after(happenings: readonly Happening[]): Model {
  const model = new Model();
  model.act();
  for (const one of happenings) model.happens(one);
  return model;
}

describe("the plan, whatever happens", () => {
  test("starts only what is wanted and does not run, signals only what runs, and comes to rest", () => {
    fc.assert(fc.property(lives, (happenings) => void after(happenings)));
  });

  test("kills only what has been told and had its grace, or was slow to start, unless it is to be quick", () => {
    fc.assert(
      fc.property(lives, (happenings) => {
        const { log } = after(happenings);
        for (const [at, kill] of log.entries()) {
          if (kill.what !== "SIGKILL") continue;
          const before = log.slice(0, at).filter((one) => one.id === kill.id);
          const life = before.slice(before.findLastIndex(({ what }) => what === "start"));
          const told = life.filter(({ what }) => what === "SIGTERM");
          const last = told.at(-1) ?? life[0];
          const waitedMs = kill.atMs - (last?.atMs ?? kill.atMs);
          const dueMs = [defaultLimits.startupMs, defaultLimits.graceMs, defaultLimits.hurryMs][told.length] as number;
          expect(waitedMs >= dueMs || happenings.filter(({ type }) => type === "hurry").length >= 2).toBe(true);
        }
      }),
    );
  });

  test("ends with what is wanted, once every node comes up and ends when told", () => {
    fc.assert(
      fc.property(lives, (happenings) => {
        const model = after(happenings);
        for (let rounds = 0; rounds < 6; rounds += 1) {
          for (const node of ["a-1", "a-2", "a-3"] as const) {
            const life = model.records.get(node)?.life;
            if (life === undefined) continue;
            model.happens({ type: life.told > 0 || life.killed ? "ends" : "says ready", id: node });
          }
          model.happens({ type: "time passes", byMs: defaultLimits.longestPauseMs });
        }
        const states = [...model.records].map(([node, record]) => [
          node,
          stateOf(record, model.wanted.get(node) === "running"),
        ]);
        const drains = (node: string): boolean => model.records.get(node)?.life?.said === "draining";
        const expected = [...model.wanted].map(([node, want]) => {
          return [node, want === "stopped" ? "stopped" : drains(node) ? "draining" : "ready"];
        });
        // What was never started has no record.
        const known = expected.filter(([node]) => model.records.has(node as string));
        expect(new Map(states as [string, string][])).toEqual(new Map(known as [string, string][]));
      }),
    );
  });
});

describe("a node that is told to end", () => {
  const told = signalled(said(started(newRecord("a-1"), 0), "ready"), "SIGTERM", 1_000);
  const planAt = (nowMs: number, want: "running" | "stopped", haste: Desired["haste"] = 0, record = told): Plan =>
    plan({ nodes: new Map([["a-1", want]]), haste }, new Map([["a-1", record]]), nowMs, defaultLimits);
  const [kill, tell] = (["SIGKILL", "SIGTERM"] as const).map((signal) => ({ type: "signal", id: "a-1", signal }));

  test("is killed after its grace, also when it is wanted again meanwhile", () => {
    for (const want of ["stopped", "running"] as const) {
      expect(planAt(10_999, want)).toEqual({ actions: [], wakeMs: 11_000 });
      expect(planAt(11_000, want)).toEqual({ actions: [kill], wakeMs: undefined });
    }
  });

  test("is told again when it shall hurry, has less time then, and is killed when it shall go at once", () => {
    expect(planAt(1_001, "stopped", 1)).toEqual({ actions: [tell], wakeMs: undefined });
    expect(planAt(1_002, "stopped", 1, signalled(told, "SIGTERM", 1_001))).toEqual({ actions: [], wakeMs: 3_001 });
    expect(planAt(1_002, "stopped", 2)).toEqual({ actions: [kill], wakeMs: undefined });
  });

  test("does not become ready again by saying so", () => {
    const drains = said(started(newRecord("a-1"), 0), "draining");
    expect(stateOf(said(drains, "ready"), true)).toBe("draining");
    expect(stateOf(said(told, "ready"), true)).toBe("draining");
  });
});

describe("a node that crashes again and again", () => {
  /** The pauses between an end and the start after it, when each life lasts that long. */
  function pauses(livesMs: readonly number[], limits: Limits = defaultLimits): number[] {
    let record = started(newRecord("a-1"), 0);
    let nowMs = 0;
    return livesMs.map((lifeMs) => {
      nowMs += lifeMs;
      record = ended(record, limits.stableMs, nowMs);
      const desired: Desired = { nodes: new Map([["a-1", "running"]]), haste: 0 };
      const { actions, wakeMs = nowMs } = plan(desired, new Map([["a-1", record]]), nowMs, limits);
      expect(actions.length).toBe(wakeMs === nowMs ? 1 : 0);
      const pause = wakeMs - nowMs;
      nowMs = wakeMs;
      record = started(record, nowMs);
      return pause;
    });
  }

  test("is started at once, then after 1 s, and after twice as long each time, up to 30 s", () => {
    expect(pauses(Array(9).fill(5))).toEqual([0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  });

  test("is forgiven once it has run for a minute", () => {
    expect(pauses([5, 5, 5, 60_000, 5])).toEqual([0, 1_000, 2_000, 0, 1_000]);
  });

  test("counts as started again each time, but not when it was told to end", () => {
    let record = started(ended(started(newRecord("a-1"), 0), 1, 0), 0);
    expect(record.restarts).toBe(1);
    record = started(ended(signalled(record, "SIGTERM", 0), 1, 0), 0);
    expect(record).toMatchObject({ restarts: 1, crashes: 0 });
  });
});
