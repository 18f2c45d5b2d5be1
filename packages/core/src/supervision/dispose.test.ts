import { expect, test } from "vitest";

import { dynamicSupervisor, genServer, isAlive, type Pid, supervisor, taskSupervisor } from "../index.ts";

const Worker = genServer({ name: "worker", init: () => 0 });

interface Started extends AsyncDisposable {
  readonly pid: Pid;
  stop(): Promise<void>;
}

test.each<[string, () => Promise<Started>]>([
  ["a server", () => Worker.start()],
  [
    "a supervisor",
    () => supervisor({ name: "sup", strategy: "one_for_one", children: () => [Worker.child([])] }).start(),
  ],
  ["a dynamic supervisor", () => dynamicSupervisor(Worker).start()],
  ["a task supervisor", () => taskSupervisor().start()],
])("await using stops %s, and is silent about one that has been stopped", async (_what, start) => {
  let pid: Pid | undefined;
  {
    await using started = await start();
    pid = started.pid;
    expect(isAlive(pid)).toBe(true);
  }
  expect(isAlive(pid)).toBe(false);

  await using stopped = await start();
  await stopped.stop();
});
