import type { NodeName } from "@interlock/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { term, World } from "./world.fixture.ts";

const NODES: readonly NodeName[] = ["a@h", "b@h", "c@h", "d@h"];

/** Numbers from 0 up to 1 that a seed decides. */
function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const node = fc.constantFrom(...NODES);
const name = fc.constantFrom("red", "green");
const steps = fc.integer({ min: 0, max: 60 });

type Command =
  | { readonly do: "register" | "re_register" | "unregister" | "kill"; readonly at: NodeName; readonly name: string }
  | { readonly do: "connect" | "cut" | "block"; readonly at: NodeName; readonly other: NodeName }
  | { readonly do: "restart" | "isolate" | "join"; readonly at: NodeName };

function carryOut(world: World, command: Command): void {
  const { at } = command;
  switch (command.do) {
    case "register":
    case "re_register":
      return void world.register(at, command.do, term(command.name));
    case "unregister":
      return world.unregister(at, term(command.name));
    case "kill": {
      const pid = world.at(at).machine.state.names.get(term(command.name))?.pid;
      return pid && world.kill(pid);
    }
    case "connect":
      return void (at !== command.other && world.connect(at, command.other));
    case "cut":
      return void (at !== command.other && world.cut(at, command.other));
    case "isolate":
      return NODES.forEach((other) => void (at !== other && world.block(at, other)));
    case "join":
      return NODES.forEach((other) => void (at !== other && world.unblock(at, other)));
    case "block":
      return void (at !== command.other && world.block(at, command.other));
    case "restart":
      return world.restart(at);
  }
}

const registering = fc.record({ do: fc.constant("register"), at: node, name });
const changing = fc.record({ do: fc.constantFrom("re_register", "unregister"), at: node, name });
const linking = fc.record({ do: fc.constant("connect"), at: node, other: node });
const cutting = fc.record({ do: fc.constant("cut"), at: node, other: node });
const blocking = fc.record({ do: fc.constant("block"), at: node, other: node });
const isolating = fc.record({ do: fc.constantFrom("isolate", "join"), at: node });
const killing = fc.record({ do: fc.constant("kill"), at: node, name });
const restarting = fc.record({ do: fc.constant("restart"), at: node });

/** Commands, each with how much happens until the next. */
function course(commands: fc.Arbitrary<Command>): fc.Arbitrary<readonly (readonly [Command, number])[]> {
  return fc.array(fc.tuple(commands, steps), { maxLength: 30 });
}

/** What every node knows, and nothing that it should not. */
function expectAgreement(world: World): void {
  const [first] = world.sites;
  const namesOf = ({ machine }: (typeof world.sites)[number]): unknown =>
    Object.fromEntries([...machine.state.names.all].map((entry) => [entry.name.toString(), String(entry.pid)]));
  for (const site of world.sites) {
    const { known, locks, names: table, synced } = site.machine.state;
    const others = NODES.filter((one) => one !== site.name);
    expect([...known].sort(), `the nodes that ${site.name} knows`).toEqual(others);
    expect([...synced].sort(), `the nodes that ${site.name} is in sync with`).toEqual(others);
    expect([...locks.all], `locks at ${site.name}`).toEqual([]);
    expect(namesOf(site), `the names at ${site.name}`).toEqual(first && namesOf(first));
    for (const { pid } of table.all) expect(world.isAlive(pid), `${pid} lives`).toBe(true);
  }
  expect(world.waiting, "registrations without an answer").toBe(0);
}

const runs = { numRuns: 300 };

/** Carries out all of it in a world that a seed decides, and heals it. */
function after(
  preventOverlappingPartitions: boolean,
  seed: number,
  all: readonly (readonly [Command, number])[],
  isConnected = false,
): World {
  const world = new World({ names: NODES, preventOverlappingPartitions, random: numbers(seed) });
  if (isConnected) expect(world.heal()).toBe(true);
  for (const [command, count] of all) {
    carryOut(world, command);
    for (let step = 0; step < count; step++) world.step();
  }
  expect(world.heal(), "all nodes are connected and have nothing left to do").toBe(true);
  return world;
}

describe.each([true, false])("nodes that prevent overlapping partitions: %s", (prevents) => {
  test("agree in the end, whatever was registered, cut, ended and restarted", () => {
    const commands: fc.Arbitrary<Command> = fc.oneof(
      { arbitrary: registering, weight: 4 },
      { arbitrary: linking, weight: 4 },
      { arbitrary: cutting, weight: 1 },
      // Without prevention a network is whole or in pieces, never one in which some reach each other only by way of others.
      { arbitrary: prevents ? blocking : isolating, weight: 1 },
      { arbitrary: isolating, weight: 1 },
      { arbitrary: killing, weight: 1 },
      { arbitrary: restarting, weight: 1 },
    );
    fc.assert(
      fc.property(fc.integer(), course(commands), (seed, all) => expectAgreement(after(prevents, seed, all))),
      runs,
    );
  });

  // A cut in the midst of such a change may leave it done on some nodes only: in OTP as well.
  test("agree in the end, whatever was taken back and given away while they met", () => {
    const commands: fc.Arbitrary<Command> = fc.oneof(
      { arbitrary: registering, weight: 2 },
      { arbitrary: changing, weight: 4 },
      { arbitrary: linking, weight: 4 },
      { arbitrary: killing, weight: 1 },
    );
    fc.assert(
      fc.property(fc.integer(), course(commands), (seed, all) => expectAgreement(after(prevents, seed, all))),
      runs,
    );
  });

  test("give a name once, as long as they are connected and nobody takes it back", () => {
    fc.assert(
      fc.property(fc.integer(), course(registering), (seed, all) => {
        const world = after(prevents, seed, all, true);
        expectAgreement(world);
        const given = world.answers.flatMap(({ registration, result }) =>
          registration.type === "register" && result.type === "yes" ? [registration.entry.name.key] : [],
        );
        expect(new Set(given).size).toBe(given.length);
      }),
      runs,
    );
  });
});

test("a change that is cut short may be done on some nodes only, until the process ends", () => {
  const differing = Array.from({ length: 200 }, (_, seed) => seed).some((seed) => {
    const world = new World({ names: NODES, preventOverlappingPartitions: true, random: numbers(seed) });
    world.heal();
    const owner = world.register("a@h", "register", term("red"));
    world.settle(10_000);
    const has = (at: NodeName): boolean => world.at(at).machine.state.names.get(term("red")) !== undefined;
    world.unregister("b@h", term("red"));
    while (has("a@h") && has("c@h") && world.step());
    world.restart("b@h");
    world.heal();
    const differs = has("a@h") !== has("c@h");
    world.kill(owner);
    world.settle(10_000);
    expect(NODES.map(has)).toEqual([false, false, false, false]);
    return differs;
  });
  expect(differing).toBe(true);
});
