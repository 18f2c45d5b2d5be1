/** The registry against a plain list of registrations, under any order of registering, unregistering and dying. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { exit } from "../process/info.ts";
import type { Pid } from "../process/pid.ts";
import { registry } from "./registry.ts";
import { type Runner, startRunner } from "./runner.fixture.ts";

interface Line {
  readonly key: string;
  readonly pid: Pid;
  readonly value: number;
}

const keys = ["a", "b", "c"];
const step = fc.record({
  what: fc.constantFrom("register", "register", "register", "unregister", "unregisterOdd", "die", "update", "update"),
  who: fc.nat({ max: 2 }),
  key: fc.constantFrom(...keys),
  value: fc.nat({ max: 9 }),
});

let names = 0;

test.each(["unique", "duplicate"] as const)(
  "a registry with %s keys holds what its living processes registered",
  async (kind) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.constantFrom(1, 8), async (steps, partitions) => {
        const table = registry<string, number>({ name: `model_${++names}`, keys: kind as "unique", partitions });
        const owner = await table.start();
        const runners: Runner[] = [];
        for (let at = 0; at < 3; at++) runners.push(await startRunner());
        let model: Line[] = [];
        for (const { what, who, key, value } of steps) {
          const runner = runners[who] as Runner;
          const { pid } = runner;
          const mine = (line: Line): boolean => line.key === key && line.pid === pid;
          if (what === "register") {
            const free = kind === "duplicate" || !model.some((line) => line.key === key);
            const done = await runner.run(() => {
              try {
                table.register(key, value);
                return true;
              } catch {
                return false;
              }
            });
            expect(done).toBe(free);
            if (free) model.push({ key, pid, value });
          } else if (what === "unregister") {
            await runner.run(() => table.unregister(key));
            model = model.filter((line) => !mine(line));
          } else if (what === "unregisterOdd") {
            await runner.run(() => table.unregisterMatch(key, (held) => (held ?? 0) % 2 === 1));
            model = model.filter((line) => !mine(line) || line.value % 2 === 0);
          } else if (what === "update" && kind === "unique" && model.some(mine)) {
            await runner.run(() => table.updateValue(key, () => value));
            model = model.map((line) => (mine(line) ? { ...line, value } : line));
          } else if (what === "die") {
            exit(pid, "kill");
            model = model.filter((line) => line.pid !== pid);
            runners[who] = await startRunner();
          }
          for (const one of keys)
            expect(table.lookup(one)).toEqual(
              model.filter((line) => line.key === one).map((line) => ({ pid: line.pid, value: line.value })),
            );
          for (const one of runners)
            expect([...table.keys(one.pid)].sort()).toEqual(
              model
                .filter((line) => line.pid === one.pid)
                .map((line) => line.key)
                .sort(),
            );
          expect(table.count()).toBe(model.length);
        }
        await owner.stop("normal");
        for (const runner of runners) exit(runner.pid, "kill");
      }),
      { numRuns: 60 },
    );
  },
);
