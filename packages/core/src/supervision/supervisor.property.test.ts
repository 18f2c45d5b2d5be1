/** Random trees and random failures: our supervisors do, in the same order, what a model of OTP's rules says. */
import fc from "fast-check";
import { expect, test } from "vitest";

import { supervise, Worker, worker } from "../../../../conformance/support/worker.ts";
import { World } from "../../../../conformance/support/world.ts";
import {
  type ChildSpec,
  type DynamicSupervisor,
  dynamicSupervisor,
  type ExitReason,
  exit,
  isAlive,
  isError,
  supervisor,
} from "../index.ts";
import {
  type DynamicNode,
  Model,
  type Node,
  type Outcome,
  type Reason,
  type Restart,
  type Said,
  type Shutdown,
  type StaticNode,
  SupervisorProcess,
  Together,
  type WorkerNode,
} from "./otp-model.fixture.ts";

const seed = Number(process.env["SEED"] ?? Date.now() % 2 ** 31);

// Trees -----------------------------------------------------------------------

const restarts = fc.constantFrom<Restart>("permanent", "transient", "temporary");
const limits = { intensity: fc.constantFrom(0, 1, 2, 3, 5, 9), periodMs: fc.constantFrom(1, 100, 5_000, 3_600_000) };

const workers = fc.record({
  kind: fc.constant("worker" as const),
  restart: restarts,
  significant: fc.boolean(),
  shutdown: fc.constantFrom<Shutdown>(0, 50, 5_000, "infinity", "brutal_kill"),
  manners: fc.constantFrom("meek" as const, "meek" as const, "tidy" as const, "deaf" as const),
});

const dynamics = fc.record({
  kind: fc.constant("dynamic" as const),
  restart: restarts,
  significant: fc.boolean(),
  childRestart: restarts,
  shutdown: fc.constantFrom<Shutdown>(0, 50, "brutal_kill"),
  ...limits,
});

type Unnamed<N> = N extends { readonly id: string } ? Omit<N, "id"> : never;
type UnnamedStatic = Omit<StaticNode, "id" | "children"> & { readonly children: readonly UnnamedNode[] };
type UnnamedNode = Unnamed<WorkerNode> | Unnamed<DynamicNode> | UnnamedStatic;

function statics(depth: number): fc.Arbitrary<UnnamedStatic> {
  const inner: fc.Arbitrary<UnnamedNode> =
    depth === 0
      ? workers
      : fc.oneof(
          { weight: 4, arbitrary: workers },
          { weight: 2, arbitrary: statics(depth - 1) },
          { weight: 1, arbitrary: dynamics },
        );
  return fc.record({
    kind: fc.constant("static" as const),
    restart: restarts,
    significant: fc.boolean(),
    strategy: fc.constantFrom("one_for_one" as const, "one_for_all" as const, "rest_for_one" as const),
    autoShutdown: fc.constantFrom(
      "never" as const,
      "never" as const,
      "any_significant" as const,
      "all_significant" as const,
    ),
    children: fc.array(inner, { minLength: depth === 2 ? 1 : 0, maxLength: 4, size: "max" }),
    ...limits,
  });
}

/** Gives every node an id, and makes of each combination a valid one. */
function named(tree: UnnamedStatic): StaticNode {
  let count = 0;
  const name = (node: UnnamedNode, autoShutdown: StaticNode["autoShutdown"]): Node => {
    const id = `${node.kind[0]}${count++}`;
    const significant = node.significant && node.restart !== "permanent" && autoShutdown !== "never";
    if (node.kind === "worker") return { ...node, id, significant, manners: mannersFor(node) };
    if (node.kind === "dynamic") return { ...node, id, significant };
    return { ...node, id, significant, children: node.children.map((child) => name(child, node.autoShutdown)) };
  };
  return name(tree, "never") as StaticNode;
}

/** Nobody may wait forever. */
function mannersFor({ manners, shutdown }: Pick<WorkerNode, "manners" | "shutdown">): WorkerNode["manners"] {
  return manners === "deaf" && shutdown === "infinity" ? "tidy" : manners;
}

// What is done to them -----------------------------------------------------------

const reasons = fc.constantFrom<Reason>("kill", "boom", "normal", "shutdown", { shutdown: "why" });
/** Chooses among what there is when its turn comes. */
const choice = fc.nat({ max: 1_000 });

const commands = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("end" as const), of: choice, reason: reasons }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("endTogether" as const),
      of: choice,
      picks: fc.array(fc.record({ who: choice, reason: reasons }), { minLength: 2, maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("killSupervisor" as const), of: choice }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("advance" as const),
      byMs: fc.constantFrom(1, 50, 99, 100, 101, 4_999, 5_000, 5_001, 4_000_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("terminateChild" as const), of: choice, who: choice }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("restartChild" as const), of: choice, who: choice }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("deleteChild" as const), of: choice, who: choice }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("startChild" as const),
      of: choice,
      old: fc.integer({ min: -3, max: 5 }),
      node: workers,
    }),
  },
);

/** How the next starts of somebody go, said before a command. */
const scripts = fc.array(
  fc.record({
    who: choice,
    outcome: fc.constantFrom<Outcome>("fail", "fail", "ignore"),
    times: fc.integer({ min: 1, max: 3 }),
  }),
  { maxLength: 2 },
);
const steps = fc.array(fc.record({ scripts, command: commands }), { minLength: 1, maxLength: 16, size: "max" });

type Scripts = typeof scripts extends fc.Arbitrary<infer S> ? S : never;
type Command = typeof commands extends fc.Arbitrary<infer C> ? C : never;

// Ours against the model -----------------------------------------------------------

type Workers = DynamicSupervisor<Parameters<typeof Worker.startLink>, unknown>;

class Run {
  readonly model = new Model();
  readonly world: World;
  readonly #dynamics = new Map<string, Workers>();
  #added = 0;
  readonly #everyId: string[] = [];

  constructor(pick: ((length: number) => number) | undefined) {
    this.world = new World({ pick });
  }

  /** @returns whether the tree stands. */
  async start(tree: StaticNode, scripted: readonly Scripts[number][]): Promise<boolean> {
    this.#note(tree);
    for (const { outcome, times, who } of scripted) this.script(who, outcome, times);
    const stands = this.model.startRoot(tree);
    const { children, id, kind: _kind, restart: _restart, significant: _significant, ...flags } = tree;
    const starting = supervise(
      { name: id, ...flags },
      children.map((child) => this.#spec(child)),
    ).catch((error: unknown) => {
      if (isError(error, "INTERLOCK_START_FAILED")) return undefined;
      throw error;
    });
    await this.world.finish();
    const root = await starting;
    if (root !== undefined) this.world.watch(id, root.pid);
    await this.#compare(`start of ${id}`);
    expect(root !== undefined, "starts").toBe(stands);
    return stands;
  }

  #note(node: Node): void {
    if (node.kind === "worker") this.#everyId.push(node.id);
    if (node.kind === "static") for (const child of node.children) this.#note(child);
  }

  script(who: number, outcome: Outcome, times: number): void {
    const id = at(this.#everyId, who);
    if (id === undefined) return;
    this.model.script(id, outcome, times);
    for (let time = 0; time < times; time++)
      this.world.script(id, outcome === "fail" ? { fail: "no" } : (outcome as "ok" | "ignore"));
  }

  #spec(node: Node): ChildSpec {
    const { id, restart, significant } = node;
    switch (node.kind) {
      case "worker":
        return worker(this.world, id, { restart, significant, shutdownMs: node.shutdown, manners: node.manners });
      case "dynamic": {
        const { childRestart, intensity, periodMs, shutdown } = node;
        const made = dynamicSupervisor(Worker, { restart: childRestart, intensity, periodMs, shutdownMs: shutdown });
        this.#dynamics.set(id, made);
        return made.child([], { id, restart, significant });
      }
      case "static": {
        const { autoShutdown, intensity, periodMs, strategy } = node;
        const specs = node.children.map((child) => this.#spec(child));
        const made = supervisor({ name: id, strategy, intensity, periodMs, autoShutdown, children: () => specs });
        return made.child([], { restart, significant });
      }
    }
  }

  async does(command: Command): Promise<void> {
    const { model, world } = this;
    const supervisors = model.supervisors();
    switch (command.do) {
      case "advance":
        model.nowMs += command.byMs;
        await world.advance(command.byMs);
        break;
      case "end": {
        const victim = at(
          supervisors.flatMap((one) => model.workersOf(one)),
          command.of,
        );
        if (victim === undefined) return;
        const { reason } = command;
        if (reason === "kill") exit(world.pid(victim.node.id), "kill");
        else Worker.at(world.pid(victim.node.id)).cast.end(reason as ExitReason);
        model.end([{ worker: victim, reason: reason === "kill" ? "killed" : reason }]);
        break;
      }
      case "endTogether": {
        const of = at(supervisors, command.of);
        if (of === undefined) return;
        const ends = new Map(command.picks.map(({ reason, who }) => [at(model.workersOf(of), who), reason]));
        const list = [...ends].flatMap(([one, reason]) => {
          if (one === undefined) return [];
          // A signal ends at once only what does not trap it, and `normal` nobody.
          const kill = one.node.manners !== "meek" || reason === "normal" || reason === "kill";
          exit(world.pid(one.node.id), kill ? "kill" : (reason as ExitReason));
          return [{ worker: one, reason: kill ? "killed" : reason }];
        });
        model.end(list);
        break;
      }
      case "killSupervisor": {
        const of = at(
          supervisors.filter(
            (one) =>
              one !== model.root &&
              one.rows.every(({ process }) => !(process instanceof SupervisorProcess)) &&
              model.workersOf(one).every(({ node }) => node.manners === "meek"),
          ),
          command.of,
        );
        if (of === undefined) return;
        exit(world.pid(of.node.id), "kill");
        model.kill(of);
        break;
      }
      default:
        await this.#asks(command, supervisors);
    }
    await this.#compare(JSON.stringify(command));
  }

  async #asks(
    command: Extract<Command, { do: "startChild" | "terminateChild" | "restartChild" | "deleteChild" }>,
    supervisors: readonly SupervisorProcess[],
  ): Promise<void> {
    const { model, world } = this;
    const of = at(supervisors, command.of);
    if (of === undefined) return;
    const pid = world.pid(of.node.id);
    const ref = supervisor({ name: "any", strategy: "one_for_one", children: () => [] }).at(pid);
    let asked: Promise<unknown>;
    let expected: string;
    if (command.do === "startChild") {
      const old = of.rows[command.old]?.node.id;
      const id = (of.node.kind === "static" ? old : undefined) ?? `n${this.#added++}`;
      if (of.node.kind === "dynamic") {
        const { childRestart: restart, shutdown } = of.node;
        const node: WorkerNode = { ...command.node, id, restart, shutdown, significant: false };
        this.#everyId.push(id);
        asked = this.#dynamic(of.node).at(pid).startChild(world, id, node.manners);
        expected = model.startChild(of, node);
      } else {
        const { autoShutdown } = of.node;
        const significant =
          command.node.significant && command.node.restart !== "permanent" && autoShutdown !== "never";
        const node: WorkerNode = { ...command.node, id, significant, manners: mannersFor(command.node) };
        if (old === undefined) this.#everyId.push(id);
        asked = ref.startChild(this.#spec(node));
        expected = model.startChild(of, node);
      }
    } else {
      const row = at(of.rows, command.who);
      if (of.node.kind === "dynamic") {
        if (row === undefined || command.do !== "terminateChild") return;
        asked = this.#dynamic(of.node).at(pid).terminateChild(world.pid(row.node.id));
        expected = model.terminateChild(of, row.node.id);
      } else {
        const id = command.who % 7 === 0 ? "nobody" : (row?.node.id ?? "nobody");
        asked = ref[command.do](id);
        expected = model[command.do](of, id);
      }
    }
    const answered = asked.then(
      () => "ok",
      (error: unknown) => {
        if (isError(error, "INTERLOCK_CHILD")) return error.details.problem;
        if (isError(error, "INTERLOCK_START_FAILED")) return "failed";
        if (isError(error, "INTERLOCK_START_IGNORED")) return "ignored";
        throw error;
      },
    );
    await world.finish();
    expect(await answered, JSON.stringify(command)).toBe(expected);
  }

  #dynamic(node: DynamicNode): Workers {
    return this.#dynamics.get(node.id) as Workers;
  }

  async #compare(what: string): Promise<void> {
    const { model, world } = this;
    await world.finish();
    expectInOrder(world.trace(), model.trace, what);
    const said = world.supervisorReports().map(({ childId, context, reason }): Said => [context, childId, reason]);
    expectInOrder(said, model.said, what);
    model.trace = [];
    model.said = [];
    world.reports.length = 0;
    for (const one of model.supervisors()) await this.#compareTable(one, what);
    if (model.root !== undefined) expect(isAlive(world.pid(model.root.node.id)), what).toBe(model.root.alive);
    // Timers that were not needed any more may have moved the clock on, after all was done.
    expect(world.nowMs, what).toBeGreaterThanOrEqual(model.nowMs);
    model.nowMs = world.nowMs;
  }

  async #compareTable(one: SupervisorProcess, what: string): Promise<void> {
    const { world } = this;
    const ref = supervisor({ name: "any", strategy: "one_for_one", children: () => [] }).at(world.pid(one.node.id));
    const children = await ref.whichChildren();
    if (one.node.kind === "static") {
      expect(
        children.map(({ id, status }) => `${id} ${status}`),
        what,
      ).toEqual(one.listed);
      for (const { id, pid } of children) if (pid !== undefined) expect(pid, what).toBe(world.pid(id));
    } else {
      const ours = new Set(children.map(({ pid }) => pid));
      expect(ours, what).toEqual(new Set(one.rows.map(({ node }) => world.pid(node.id))));
    }
    const { active, specs } = await ref.countChildren();
    expect({ active, specs }, what).toEqual({
      active: one.rows.filter(({ status }) => status === "running").length,
      specs: one.rows.length,
    });
  }
}

function at<T>(list: readonly T[], choice: number): T | undefined {
  return list.length === 0 ? undefined : list[choice % list.length];
}

/** What came together is compared in an order of its own. */
function expectInOrder<T>(ours: readonly T[], expected: readonly (T | Together<T>)[], what: string): void {
  const sorted = (list: readonly T[]): readonly T[] =>
    [...list].sort((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
  const got: T[] = [];
  const wanted: T[] = [];
  for (const one of expected) {
    const items = one instanceof Together ? one.items : [one];
    got.push(...sorted(ours.slice(got.length, got.length + items.length)));
    wanted.push(...sorted(items));
  }
  expect([...got, ...ours.slice(got.length)], what).toEqual(wanted);
}

test("any tree does with any failures what OTP's rules say, in their order", { timeout: 300_000 }, async () => {
  console.info(`SEED=${seed}`);
  await fc.assert(
    fc.asyncProperty(
      statics(2),
      fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, scripts),
      steps,
      fc.option(fc.infiniteStream(fc.nat()), { freq: 2 }),
      async (tree, first, list, picks) => {
        const run = new Run(picks === null ? undefined : (length) => (picks.next().value as number) % length);
        await run.world.run(async (self) => {
          self.trapExit();
          const root = named(tree);
          if (!(await run.start(root, first))) return;
          for (const { command, scripts: before } of list) {
            for (const { outcome, times, who } of before) run.script(who, outcome, times);
            await run.does(command);
          }
        });
      },
    ),
    { seed, numRuns: Number(process.env["RUNS"] ?? 400), timeout: 2_000 },
  );
});
