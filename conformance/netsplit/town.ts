/** A cluster whose nodes are programs on hosts of their own, with what is outside on another; and what must be true of it. */

import { isDeepStrictEqual } from "node:util";
import type { Agreement, View } from "@interlock/cluster";
import { expect } from "vitest";
import { overlapping, ownedTwice, type Term, type Write } from "./ledger.ts";
import type { MemberConfig } from "./member-program.ts";
import { Network } from "./network.ts";
import { Program } from "./program.ts";

const LIMIT_MS = 30_000;
const PAUSE_MS = 100;

const OUTSIDE = "outside";

export interface TownOptions {
  readonly requiredContactPoints?: number;
  /** Default 1 000. */
  readonly tickMs?: number;
  /** Of the nodes' `global`. Default false: a node that loses another one parts with nobody else. */
  readonly preventOverlappingPartitions?: boolean;
  /** Whom a node looks for. Default: all. */
  readonly finds?: (name: string) => readonly string[];
}

export interface Writes {
  readonly accepted: readonly Write[];
  readonly refused: readonly Write[];
  readonly asked: readonly Write[];
}

export class Town implements AsyncDisposable {
  readonly network: Network;
  readonly names: readonly string[];
  readonly outside: Program;
  readonly #options: TownOptions;
  readonly #members = new Map<string, Program>();
  /** The earlier lives of nodes: their terms count still. */
  readonly #killed: { readonly program: Program; readonly atMs: number }[] = [];
  #texts = 0;

  private constructor(network: Network, names: readonly string[], outside: Program, options: TownOptions) {
    this.network = network;
    this.names = names;
    this.outside = outside;
    this.#options = options;
  }

  /** Hosts for all, and nothing on them yet but what is outside. */
  static async make(names: readonly string[], options: TownOptions = {}): Promise<Town> {
    const network = await Network.make([...names, OUTSIDE]);
    return new Town(network, names, await Program.start(network, OUTSIDE, "outside-program.ts", {}), options);
  }

  /** Nodes that are one cluster. */
  static async whole(names: readonly string[], options: TownOptions = {}): Promise<Town> {
    const town = await Town.make(names, options);
    try {
      await Promise.all(names.map((name) => town.start(name)));
      await town.isWhole();
      return town;
    } catch (error) {
      await town[Symbol.asyncDispose]();
      throw error;
    }
  }

  async start(name: string): Promise<void> {
    const { finds = () => this.names, requiredContactPoints = this.names.length, tickMs = 1_000 } = this.#options;
    const config: MemberConfig = {
      name: this.nodeOf(name),
      address: this.network.host(name).address,
      nodes: finds(name).map((one) => this.nodeOf(one)),
      outside: this.network.host(OUTSIDE).address,
      requiredContactPoints,
      tickMs,
      preventOverlappingPartitions: this.#options.preventOverlappingPartitions ?? false,
    };
    this.#members.set(name, await Program.start(this.network, name, "member-program.ts", config));
  }

  async kill(name: string): Promise<void> {
    const program = this.at(name);
    await program.kill();
    this.#killed.push({ program, atMs: nowMs() });
    this.#members.delete(name);
  }

  at(name: string): Program {
    const found = this.#members.get(name);
    if (found === undefined) throw new Error(`no program runs on ${name}`);
    return found;
  }

  nodeOf(name: string): `${string}@${string}` {
    return `${name}@${this.network.host(name).address}`;
  }

  nameOf(node: string): string {
    return node.slice(0, node.indexOf("@"));
  }

  /** The host of the node that runs the editor, as `asked` knows. */
  async holder(asked: string): Promise<string | undefined> {
    const node = await this.at(asked).ask<string | null>("holder");
    return node === null ? undefined : this.nameOf(node);
  }

  /** What a node knows of all, such as `a up, b down`. */
  async states(name: string): Promise<string> {
    const { members } = await this.at(name).ask<View>("view");
    return members.map(({ node, state }) => `${this.nameOf(node)} ${state}`).join(", ");
  }

  /** Whose view differs from that of `name` and in whom, such as `b by c`. */
  async differing(name: string): Promise<string> {
    const { agreement } = await this.at(name).ask<{ agreement: Agreement }>("view");
    const all = agreement.differing.map(({ differences, node }) => {
      return `${this.nameOf(node)}: ${differences?.map((one) => this.nameOf(one.node)) ?? "not known yet"}`;
    });
    return all.join(", ");
  }

  /** A moment to count from. */
  now(): number {
    return nowMs();
  }

  /** What `seen` was told of the membership of `of` since then. */
  changes(seen: string, of: string, sinceMs = 0): readonly string[] {
    const told = this.at(seen).told("change");
    return told.flatMap(({ atMs, node, to }) => (atMs >= sinceMs && node === this.nodeOf(of) ? [String(to)] : []));
  }

  /** Why `seen` has lost `of`, the last time. */
  lossOf(seen: string, of: string): string | undefined {
    const losses = this.at(seen)
      .told("nodedown")
      .filter(({ node }) => node === this.nodeOf(of));
    return losses.at(-1)?.["reason"] as string | undefined;
  }

  /** Each of them writes what all share, while it cannot hear the others perhaps, and claims what one may have. */
  async writeBy(...names: readonly string[]): Promise<void> {
    for (const name of names) {
      const text = `by ${name}, ${++this.#texts}`;
      await this.at(name).ask("setNote", text);
      await this.at(name).ask("setPage", text);
      await this.at(name).ask("appear", text);
      // Of those that can hear each other one is mayor.
      await this.at(name)
        .ask("nominate")
        .catch((error: Error) => expect(error.message).toBe("INTERLOCK_NAME_TAKEN"));
    }
  }

  /** Each uses the room, and so starts it if it knows of none. Where calls must wait for a node that is cut off, it may fail. */
  async enterBy(...names: readonly string[]): Promise<void> {
    await Promise.all(
      names.map((name) =>
        this.at(name)
          .ask("enter")
          .catch(() => undefined),
      ),
    );
  }

  /** Resolves once it gives no problem any more; asked again and again. */
  async until(what: string, problems: () => Promise<readonly string[]> | readonly string[]): Promise<void> {
    const limitMs = nowMs() + LIMIT_MS;
    for (;;) {
      const found = await problems();
      if (found.length === 0) return;
      if (nowMs() > limitMs) throw new Error(`${what}: ${found.join("; ")}\n${this.#complaints()}`);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  untilStates(name: string, states: string): Promise<void> {
    return this.until(`${name} sees ${states}`, async () => {
      const now = await this.states(name);
      return now === states ? [] : [`it sees ${now}`];
    });
  }

  /** Views agree, names are unique, caches and groups are the same, everybody reaches everybody. */
  async isWhole(names: readonly string[] = this.names): Promise<void> {
    await this.until("the cluster is whole", () => this.#problems(names));
    const texts = names.map((name) => `${name} ${++this.#texts}`);
    await Promise.all(names.map((name, at) => this.at(name).ask("broadcast", texts[at])));
    await this.until("a broadcast reaches each node once", async () => {
      const heard = await Promise.all(names.map((name) => this.at(name).ask<readonly string[]>("heard")));
      return heard.flatMap((all, at) =>
        texts.flatMap((text) => {
          const times = all.filter((one) => one === text).length;
          return times === 1 ? [] : [`${names[at]} has heard "${text}" ${times} times`];
        }),
      );
    });
  }

  async #problems(names: readonly string[]): Promise<readonly string[]> {
    const problems: string[] = [];
    const everybody = names.map((name) => this.nodeOf(name)).sort();
    for (const name of names) {
      const { agreement, members } = await this.at(name).ask<View & { agreement: Agreement }>("view");
      const up = members.filter(({ state }) => state === "up").map(({ node }) => node);
      const live = members.filter(({ state }) => state !== "down" && state !== "left").length;
      if (!isDeepStrictEqual(up, everybody) || live !== up.length)
        problems.push(`${name} sees ${await this.states(name)}`);
      if (!agreement.agreed) problems.push(`${name} knows that ${agreement.differing.map(({ node }) => node)} differ`);
      const members_ = (await this.at(name).ask<string[]>("members")).sort();
      if (!isDeepStrictEqual(members_, everybody)) problems.push(`${name} has the group ${members_}`);
    }
    for (const what of ["callEditor", "note", "page", "present", "mayor", "enter"]) {
      const answers = await this.#all(names, what);
      if (new Set(answers).size !== 1 || answers[0] === undefined) problems.push(`${what}: ${answers.join(" | ")}`);
    }
    const present = String((await this.#all(names.slice(0, 1), "present"))[0]);
    for (const node of everybody) if (!present.includes(`${node} at ${node}`)) problems.push(`${node} is not present`);
    const running = this.terms().filter(({ by, endMs }) => endMs === undefined && names.includes(by));
    if (running.length !== 1) problems.push(`${running.length} editors run: ${running.map(({ by }) => by)}`);
    const rooms = await this.#all(names, "ownRooms");
    if (rooms.toSorted().join("") !== `${"0".repeat(names.length - 1)}1`) problems.push(`rooms: ${rooms}`);
    const mayors = await this.#all(names, "mayors");
    if (!/^0*1?$/.test(mayors.toSorted().join(""))) problems.push(`mayors: ${mayors}`);
    const views = await Promise.all(names.map((name) => this.at(name).ask<View>("view")));
    const seen = new Set(views.map(({ cluster, digest }) => `${cluster} ${digest}`));
    if (seen.size !== 1) problems.push(`views differ: ${[...seen].join(", ")}`);
    return problems;
  }

  /** What each of them answers, as text; failures too. */
  #all(names: readonly string[], operation: string): Promise<readonly string[]> {
    const ask = async (name: string): Promise<string> => {
      try {
        return JSON.stringify(await this.at(name).ask(operation));
      } catch (error) {
        return (error as Error).message;
      }
    };
    return Promise.all(names.map(ask));
  }

  /** All terms of the editor on all nodes, in every life of theirs. */
  terms(): readonly Term[] {
    const lives = [...[...this.#members.values()].map((program) => ({ program, atMs: undefined })), ...this.#killed];
    return lives.flatMap(({ atMs, program }) =>
      program.told("began").map(({ atMs: beganMs, token }): Term => {
        const end = program.told("ended").find((one) => one["token"] === token && one.atMs >= beganMs);
        return { token: token as number, by: program.name, beganMs, endMs: end?.atMs ?? atMs };
      }),
    );
  }

  writes(): Promise<Writes> {
    return this.outside.ask<Writes>("writes");
  }

  /** Nothing was owned twice: not at the fenced resource, and no two editors ran at a time. */
  async expectOneOwner(): Promise<void> {
    await this.expectFenced();
    expect(overlapping(this.terms())).toEqual([]);
  }

  async expectFenced(): Promise<void> {
    const { accepted } = await this.writes();
    expect(accepted.length).toBeGreaterThan(0);
    expect(ownedTwice(accepted)).toEqual([]);
  }

  /** So many writes later: time has passed in which the others did what they do. */
  async afterWrites(count: number): Promise<void> {
    const before = (await this.writes()).accepted.length;
    await this.until(`${count} more writes`, async () => {
      const more = (await this.writes()).accepted.length - before;
      return more >= count ? [] : [`there are ${more}`];
    });
  }

  /** Of the nodes that run now. */
  #complaints(): string {
    return [...this.#members].map(([name, program]) => `${name}: ${program.complaints()}`).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const programs = [...this.#members.values(), this.outside];
    await Promise.all(programs.map((program) => program[Symbol.asyncDispose]()));
    await this.network[Symbol.asyncDispose]();
  }
}

/** The machine's monotonic clock, as the programs have it. */
function nowMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}
