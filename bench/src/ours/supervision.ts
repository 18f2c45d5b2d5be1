/** sup_restart and sup_10k of `bb_local.erl`. */

import { dynamicSupervisor, exit, type Pid, type Self, supervisor } from "@interlock/core";
import { emit, emitRate, median, percentile, runPrograms, seconds, shortRepetitions } from "../figure.ts";
import { Counter, type Up } from "./counter.ts";
import { isolated, reportsSoFar } from "./measured.ts";

const unlimited = { intensity: 100_000_000, periodMs: 1_000 } as const;

const OneCounter = supervisor({
  name: "one_counter",
  strategy: "one_for_one",
  ...unlimited,
  children: (notify: Pid<Up>) => [Counter.child([notify])],
});

const Counters = dynamicSupervisor(Counter, unlimited);

const COUNT = 10_000;

async function awaitUp(self: Self<Up>, count: number): Promise<readonly Pid[]> {
  const pids: Pid[] = [];
  while (pids.length < count) pids.push((await self.receive({ type: "up" })).pid);
  return pids;
}

/** Seconds that 10 000 starts, 10 000 restarts and the shutdown took. */
async function liveAndDie(self: Self<Up>): Promise<readonly [number, number, number]> {
  self.trapExit();
  const counters = await Counters.startLink();
  const started = await seconds(async () => {
    for (let index = 0; index < COUNT; index++) await counters.startChild(self.pid);
  });
  const pids = await awaitUp(self, COUNT);
  const restarted = await seconds(async () => {
    for (const pid of pids) exit(pid, "kill");
    await awaitUp(self, COUNT);
  });
  const { pid } = counters;
  const ended = await seconds(async () => {
    self.unlink(pid);
    const monitor = self.monitor(pid);
    exit(pid, "shutdown");
    await self.receive(monitor.down);
  });
  return [started, restarted, ended];
}

await runPrograms({
  /** To the answer of a call, which is more than the Erlang program waits for. */
  supervisor_restart_latency_p50: async () => {
    const count = 2_000;
    const latencies = await isolated<Up, readonly number[]>(async (self) => {
      self.trapExit();
      const top = await OneCounter.startLink(self.pid);
      let { pid } = await self.receive({ type: "up" });
      const list: number[] = [];
      for (let index = 0; index < count; index++) {
        const start = performance.now();
        exit(pid, "kill");
        ({ pid } = await self.receive({ type: "up" }));
        await Counter.at(pid).call.get();
        list.push((performance.now() - start) * 1_000);
      }
      exit(top.pid, "shutdown");
      return list;
    });
    emit({
      name: "supervisor_restart_latency_p50",
      value: percentile(latencies, 50),
      unit: "us",
      count,
      p99: percentile(latencies, 99),
      reports: reportsSoFar(),
    });
  },

  simple_one_for_one: async () => {
    const runs: (readonly [number, number, number])[] = [];
    for (let repetition = 0; repetition < shortRepetitions; repetition++) runs.push(await isolated(liveAndDie));
    emitRate(
      "simple_one_for_one_start_child",
      COUNT,
      runs.map(([started]) => started),
    );
    const milliseconds = (name: string, times: readonly number[]): void =>
      emit({ name, value: median(times) * 1_000, unit: "ms", count: COUNT, first: (times[0] ?? 0) * 1_000 });
    milliseconds(
      "simple_one_for_one_restart_10k",
      runs.map(([, restarted]) => restarted),
    );
    milliseconds(
      "supervisor_shutdown_10k_children",
      runs.map(([, , ended]) => ended),
    );
    if (reportsSoFar() < COUNT * shortRepetitions)
      throw new Error("fewer reports than restarts: they are part of what is measured");
  },
});
