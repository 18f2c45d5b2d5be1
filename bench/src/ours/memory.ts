/** What an idle gen_server costs: linked, supervised and called once. */

import { dynamicSupervisor } from "@interlock/core";
import { emit, heapAfterGc, rssAfterGc, runPrograms } from "../figure.ts";
import { Counter } from "./counter.ts";
import { isolated } from "./measured.ts";

const Counters = dynamicSupervisor(Counter);

async function startAndCall(count: number): Promise<void> {
  await Counters.start();
  await isolated(async () => {
    for (let index = 0; index < count; index++) {
      const counter = await Counters.startChild();
      await counter.call.increment();
    }
  });
}

await runPrograms({
  mem_per_idle_gen_server: async () => {
    const count = 100_000;
    const heap = await heapAfterGc();
    const rss = await rssAfterGc();
    await startAndCall(count);
    const value = ((await heapAfterGc()) - heap) / count;
    emit({ name: "mem_per_idle_gen_server", value, unit: "bytes", count, rss: ((await rssAfterGc()) - rss) / count });
  },

  rss_1m_idle_processes: async () => {
    const count = 1_000_000;
    await startAndCall(count);
    const heapMb = (await heapAfterGc()) / 1e6;
    emit({ name: "rss_1m_idle_processes", value: (await rssAfterGc()) / 1e6, unit: "MB", count, heapMb });
  },
});
