import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Sent, World, type WorldOptions } from "./world.fixture.ts";

const NODES = ["a", "b", "c", "d", "e"] as const;
const KEYS = ["k", "l", "m"] as const;

const node = fc.constantFrom(...NODES);
const key = fc.constantFrom(...KEYS);
const pick = fc.nat({ max: 1_000 });

const send = fc.record({ type: fc.constant("send" as const), node, key });
const steps = fc.record({ type: fc.constant("step" as const), picks: fc.array(pick, { maxLength: 12 }) });
const stall = fc.record({ type: fc.constant("stall" as const), node, other: node });
const start = fc.record({ type: fc.constant("start" as const), node });
const leave = fc.record({ type: fc.constant("leave" as const), node });
const depart = fc.record({ type: fc.constant("depart" as const), node });
const crash = fc.record({ type: fc.constant("crash" as const), node, kept: fc.nat({ max: 6 }) });
const end = fc.record({ type: fc.constant("end" as const), pick, again: fc.boolean() });
const fail = fc.record({ type: fc.constant("fail" as const), pick });
const remind = fc.record({ type: fc.constant("remind" as const) });
const deadline = fc.record({ type: fc.constant("deadline" as const), node });
const cut = fc.record({ type: fc.constant("cut" as const), node, other: node, kept: fc.nat({ max: 6 }) });
const heal = fc.record({ type: fc.constant("heal" as const), node, other: node });

const calm = [
  { weight: 6, arbitrary: send },
  { weight: 12, arbitrary: steps },
  { weight: 2, arbitrary: stall },
  { weight: 2, arbitrary: start },
  { weight: 2, arbitrary: leave },
  { weight: 2, arbitrary: depart },
];
const deadly = [
  { weight: 1, arbitrary: crash },
  { weight: 1, arbitrary: end },
  { weight: 1, arbitrary: fail },
  { weight: 1, arbitrary: deadline },
  { weight: 1, arbitrary: remind },
];
const split = [
  { weight: 2, arbitrary: cut },
  { weight: 2, arbitrary: heal },
];

const calmOperations = fc.array(fc.oneof(...calm), { maxLength: 60, size: "max" });
const deadlyOperations = fc.array(fc.oneof(...calm, ...deadly), { maxLength: 60, size: "max" });
const splitOperations = fc.array(fc.oneof(...calm, ...deadly, ...split), { maxLength: 60, size: "max" });
type Operation = typeof splitOperations extends fc.Arbitrary<(infer T)[]> ? T : never;

function run(world: World, operation: Operation, check: () => void): void {
  switch (operation.type) {
    case "send":
      // Whoever leaves sends nothing any more: its visitors have gone elsewhere.
      if (world.sites.get(operation.node)?.leaving === false) world.send(operation.node, operation.key);
      break;
    case "step":
      for (const one of operation.picks) {
        world.step(one);
        check();
      }
      break;
    case "stall":
      world.stall(operation.node, operation.other);
      break;
    case "start":
      world.start(operation.node);
      break;
    case "leave":
      if (mayLeave(world, operation.node)) world.leave(operation.node);
      break;
    case "depart":
      world.depart(operation.node);
      break;
    case "crash":
      world.crash(operation.node, operation.kept);
      break;
    case "end":
      world.end(operation.pick, operation.again);
      break;
    case "fail":
      world.step(operation.pick, true);
      break;
    case "deadline":
      world.deadline(operation.node);
      break;
    case "remind":
      world.remind();
      break;
    case "cut":
      if (operation.node !== operation.other) world.cut(operation.node, operation.other, operation.kept);
      break;
    case "heal":
      world.heal(operation.node, operation.other);
      break;
  }
  check();
}

/** One is left to take over, and the node knows those that it should. */
function mayLeave(world: World, leaver: string): boolean {
  const own = world.sites.get(leaver);
  if (own?.state.hosts.own.ready !== true || own.inputs.some(({ type }) => type === "met")) return false;
  return [...world.sites.values()].some((site) => !site.leaving && site !== own);
}

function worldOf(options?: WorldOptions): World {
  const world = new World(options);
  for (const one of ["a", "b", "c"]) world.start(one);
  return world;
}

/** At most one process of each key is one that names lead to. */
function oneHolder(world: World): void {
  for (const one of KEYS) expect(world.holders(one).length, `holders of ${one}`).toBeLessThanOrEqual(1);
}

/** What each sender has sent to each key was handled in the order in which it was sent, and nothing twice. */
function inOrder(handled: readonly Sent[]): void {
  const last = new Map<string, number>();
  for (const { key: to, number, sender } of handled) {
    const pair = `${sender} ${to}`;
    expect(number, `${pair}: a message after ${last.get(pair) ?? 0}`).toBeGreaterThan(last.get(pair) ?? 0);
    last.set(pair, number);
  }
}

/** All nodes know the same of each key, and nobody waits for one that somebody could run. */
function agreed(world: World): void {
  const sites = [...world.sites.values()];
  for (const one of KEYS) {
    const known = new Set(sites.map(({ state }) => state.pidOf(one)));
    expect([...known].length, `places of ${one}: ${[...known].join(", ")}`).toBeLessThanOrEqual(1);
    for (const pid of known) if (pid !== undefined) expect(world.holders(one)).toEqual([pid]);
  }
  if (!sites.some(({ leaving }) => !leaving)) return;
  for (const { gates, host, leaving, state } of sites) {
    expect([...gates.keys()], `what waits on ${host}`).toEqual([]);
    expect(state.hosts.own.ready, `${host} is known to all`).toBe(true);
    if (leaving) expect(state.own, `what ${host} holds although it leaves`).toEqual([]);
  }
}

const runs = { numRuns: 300 };

describe("hosts that join and leave as planned", () => {
  for (const options of [{}, { rebalances: true }])
    test(`lose no message, double none and keep each sender's order${"rebalances" in options ? ", while keys move to those who join" : ""}`, () => {
      fc.assert(
        fc.property(calmOperations, (operations) => {
          const world = worldOf(options);
          for (const operation of operations) run(world, operation, () => oneHolder(world));
          world.settle();
          oneHolder(world);
          agreed(world);
          inOrder(world.handled);
          const sent = new Map<string, number>();
          for (const { key: to, sender } of world.handled)
            sent.set(`${sender} ${to}`, (sent.get(`${sender} ${to}`) ?? 0) + 1);
          for (const { host, numbers } of world.sites.values())
            for (const [to, number] of numbers) expect(sent.get(`${host} ${to}`), `${host} to ${to}`).toBe(number);
          expect(world.lostKeys).toBe(0);
          // What has moved has brought with it all that was handled before.
          for (const { processes } of world.sites.values())
            for (const { handled, key: of, movedTo } of processes.values())
              if (movedTo === undefined) expect(handled).toEqual(world.handled.filter((one) => one.key === of));
        }),
        runs,
      );
    });
});

describe("hosts that die, and processes that end or cannot be started", () => {
  for (const options of [{}, { rebalances: true }, { eager: true }, { endsAll: true }])
    test(`never run a key twice and agree where it runs ${JSON.stringify(options)}`, () => {
      fc.assert(
        fc.property(deadlyOperations, (operations) => {
          const world = worldOf(options);
          for (const operation of operations) run(world, operation, () => oneHolder(world));
          world.settle();
          world.remind();
          world.settle();
          oneHolder(world);
          agreed(world);
          inOrder(world.handled);
        }),
        runs,
      );
    });
});

describe("hosts that are cut off from each other", () => {
  test("run each key once, and agree where, after they have met again", () => {
    fc.assert(
      fc.property(splitOperations, (operations) => {
        const world = worldOf();
        for (const operation of operations) run(world, operation, () => undefined);
        world.settle();
        for (const one of NODES) for (const other of NODES) world.heal(one, other);
        world.settle();
        // Who was misled by one side, and uses the key again, hears of it.
        for (const one of NODES) for (const to of KEYS) world.send(one, to);
        world.remind();
        world.settle();
        expect(world.connected()).toBe(true);
        for (const one of KEYS) expect(world.holders(one).length).toBeLessThanOrEqual(1);
        agreed(world);
      }),
      runs,
    );
  });
});
