import fc from "fast-check";
import { expect, test } from "vitest";

import { isError } from "../errors.ts";
import { defaultNode } from "../node.ts";
import { die } from "./exit.ts";
import { exit, isAlive, processInfo } from "./info.ts";
import type { Monitor } from "./monitor.ts";
import { localPid, type Pid } from "./pid.ts";
import type { Process } from "./process.ts";
import { ProcessSelf } from "./self.ts";
import { spawn } from "./spawn.ts";

defaultNode().onReport = () => undefined;

const MOST = 7;
const who = fc.nat({ max: MOST - 1 });
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("link" as const), who, whom: who }) },
  fc.record({ do: fc.constant("unlink" as const), who, whom: who }),
  { weight: 4, arbitrary: fc.record({ do: fc.constant("monitor" as const), who, whom: who }) },
  fc.record({ do: fc.constant("demonitor" as const), which: fc.nat(), flush: fc.boolean() }),
  { weight: 2, arbitrary: fc.record({ do: fc.constant("trap" as const), who, on: fc.boolean() }) },
  fc.record({ do: fc.constant("exit" as const), whom: who, reason: fc.constantFrom("kill", "normal", "bad") }),
  fc.record({ do: fc.constant("end" as const), who, reason: fc.constantFrom("kill", "normal", "shutdown") }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** OTP's rules in their plainest form: sets of pairs, lists of letters, and recursion. */
class Model {
  readonly alive: boolean[] = new Array(MOST).fill(true);
  readonly traps: boolean[] = new Array(MOST).fill(false);
  readonly letters: string[][] = Array.from({ length: MOST }, () => []);
  links: (readonly [number, number])[] = [];
  monitors: { id: number; from: number; to: number }[] = [];
  started = 0;

  die(dead: number, reason: string): void {
    if (!this.alive[dead]) return;
    this.alive[dead] = false;
    const linked = this.links.filter((pair) => pair.includes(dead)).map(([a, b]) => (a === dead ? b : a));
    this.links = this.links.filter((pair) => !pair.includes(dead));
    const watched = this.monitors.filter(({ to }) => to === dead);
    this.monitors = this.monitors.filter(({ from, to }) => from !== dead && to !== dead);
    for (const { from, id } of watched) this.letters[from]?.push(`DOWN ${id} of ${dead}: ${reason}`);
    for (const other of linked) {
      if (this.traps[other]) this.letters[other]?.push(`EXIT from ${dead}: ${reason}`);
      else if (reason !== "normal") this.die(other, reason);
    }
  }

  link(who: number, whom: number): void {
    if (!this.alive[whom]) {
      if (this.traps[who]) this.letters[who]?.push(`EXIT from ${whom}: noproc`);
    } else if (who !== whom && !this.links.some((pair) => pair.includes(who) && pair.includes(whom)))
      this.links.push([who, whom]);
  }

  unlink(who: number, whom: number): void {
    this.links = this.links.filter(([a, b]) => !((a === who && b === whom) || (a === whom && b === who)));
  }

  monitor(from: number, to: number): void {
    const id = this.started++;
    if (this.alive[to]) this.monitors.push({ id, from, to });
    else this.letters[from]?.push(`DOWN ${id} of ${to}: noproc`);
  }

  demonitor(id: number, owner: number, flush: boolean): boolean {
    const found = this.monitors.some((one) => one.id === id);
    this.monitors = this.monitors.filter((one) => one.id !== id);
    if (flush) this.letters[owner] = (this.letters[owner] ?? []).filter((letter) => !letter.startsWith(`DOWN ${id} `));
    return found;
  }

  exit(whom: number, reason: string): void {
    if (!this.alive[whom]) return;
    if (reason === "kill") this.die(whom, "killed");
    else if (this.traps[whom]) this.letters[whom]?.push(`EXIT from nobody: ${reason}`);
    else if (reason !== "normal") this.die(whom, reason);
  }
}

/** Real processes, which never run: their mailboxes keep everything. */
class Reality {
  readonly pids: Pid[] = Array.from({ length: MOST }, () => spawn(() => undefined));
  readonly processes: Process[] = this.pids.map((pid) => localPid(pid).process as Process);
  readonly selves = this.processes.map((process) => new ProcessSelf<never>(process));
  readonly monitors: { readonly owner: number; readonly monitor: Monitor }[] = [];

  letters(who: number): string[] {
    return (processInfo(this.pids[who] as Pid)?.messages ?? []).map((message) => {
      const { from, pid, reason, ref, type } = message as {
        type: string;
        from: Pid;
        pid: Pid;
        ref: unknown;
        reason: string;
      };
      if (type === "EXIT") return `EXIT from ${this.nameOf(from)}: ${reason}`;
      return `DOWN ${this.monitors.findIndex(({ monitor }) => monitor.ref === ref)} of ${this.nameOf(pid)}: ${reason}`;
    });
  }

  nameOf(pid: Pid): number | "nobody" {
    const at = this.pids.indexOf(pid);
    return at === -1 ? "nobody" : at;
  }

  pairs(kind: "links" | "monitors"): string[] {
    return this.pids.flatMap((pid, at) =>
      (processInfo(pid)?.[kind] ?? []).map((other) => `${at} ${this.nameOf(other)}`),
    );
  }
}

function take(one: Step, model: Model, real: Reality): void {
  if (one.do === "exit") {
    model.exit(one.whom, one.reason);
    return exit(real.pids[one.whom] as Pid, one.reason);
  }
  if (one.do === "demonitor") {
    const started = real.monitors[one.which % Math.max(1, real.monitors.length)];
    if (started === undefined || !model.alive[started.owner]) return;
    const expected = model.demonitor(real.monitors.indexOf(started), started.owner, one.flush);
    expect(started.monitor.demonitor({ flush: one.flush })).toBe(expected);
    return;
  }
  const self = real.selves[one.who];
  if (self === undefined || !model.alive[one.who]) return;
  switch (one.do) {
    case "link": {
      const refused = !model.alive[one.whom] && !model.traps[one.who];
      model.link(one.who, one.whom);
      let error: unknown;
      try {
        self.link(real.pids[one.whom] as Pid);
      } catch (thrown) {
        error = thrown;
      }
      expect(isError(error, "INTERLOCK_NOPROC")).toBe(refused);
      return;
    }
    case "unlink":
      model.unlink(one.who, one.whom);
      return self.unlink(real.pids[one.whom] as Pid);
    case "monitor":
      model.monitor(one.who, one.whom);
      real.monitors.push({ owner: one.who, monitor: self.monitor(real.pids[one.whom] as Pid) });
      return;
    case "trap":
      model.traps[one.who] = one.on;
      self.trapExit(one.on);
      return;
    case "end":
      model.die(one.who, one.reason);
      return die(real.processes[one.who] as Process, one.reason);
  }
}

const sorted = (letters: readonly string[]): string[] => letters.toSorted((a, b) => a.localeCompare(b));

test("every DOWN and EXIT comes exactly once with the right reason, whoever dies in whatever graph", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const model = new Model();
      const real = new Reality();
      for (const one of steps) take(one, model, real);
      expect(real.pids.map(isAlive)).toEqual(model.alive);
      for (const [at, alive] of model.alive.entries())
        if (alive) expect(sorted(real.letters(at))).toEqual(sorted(model.letters[at] ?? []));
      expect(sorted(real.pairs("links"))).toEqual(sorted(model.links.flatMap(([a, b]) => [`${a} ${b}`, `${b} ${a}`])));
      expect(sorted(real.pairs("monitors"))).toEqual(sorted(model.monitors.map(({ from, to }) => `${from} ${to}`)));
      for (const pid of real.pids) exit(pid, "kill");
    }),
    { numRuns: 1_000 },
  );
});
