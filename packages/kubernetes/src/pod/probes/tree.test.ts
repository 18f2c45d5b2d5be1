import {
  application,
  type ChildSpec,
  genServer,
  isAlive,
  local,
  nodeRuntime,
  type Runtime,
  self,
  stopAllApplications,
  supervisor,
} from "@interlock/core";
import { afterEach, expect, test } from "vitest";

import { CriticalChildren } from "./tree.ts";

afterEach(() => stopAllApplications());

const Worker = genServer({ name: "worker", init: () => ({}) });

async function started(children: () => readonly ChildSpec[], name = "shop"): Promise<void> {
  const sup = supervisor({ name: "shop_sup", strategy: "one_for_one", children });
  const app = application({ name, version: "1.0.0", start: () => sup.named(local(`${name}_sup`)).startLink() });
  await app.start({ type: "permanent" });
}

const rootOf = (name: string) =>
  supervisor({ name: "any", strategy: "one_for_one", children: () => [] }).at(local(`${name}_sup`));

test("critical are the permanent children of the roots of permanent applications", async () => {
  await started(() => [
    Worker.child([], { id: "web" }),
    Worker.child([], { id: "mail", restart: "transient" }),
    Worker.child([], { id: "visitor", restart: "temporary" }),
  ]);
  const sup = supervisor({ name: "tool_sup", strategy: "one_for_one", children: () => [Worker.child([])] });
  await application({ name: "tool", version: "1.0.0", start: () => sup.startLink() }).start();
  const read = new CriticalChildren(undefined, nodeRuntime);
  expect(await read.read()).toEqual([{ id: "shop/web", status: "running" }]);
  await rootOf("shop").terminateChild("web");
  expect(await read.read()).toEqual([{ id: "shop/web", status: "stopped" }]);
});

test("or those that are named, and one that is not there is unknown", async () => {
  await started(() => [Worker.child([], { id: "web" }), Worker.child([], { id: "mail", restart: "transient" })]);
  const read = new CriticalChildren(["mail", "shop/web", "chat"], nodeRuntime);
  expect(await read.read()).toEqual([
    { id: "shop/mail", status: "running" },
    { id: "shop/web", status: "running" },
    { id: "chat", status: "unknown" },
  ]);
});

test("a root that is no supervisor is not asked, and lives", async () => {
  const app = application({ name: "single", version: "1.0.0", start: () => Worker.startLink() });
  const { pid } = await app.start({ type: "permanent" });
  expect(await new CriticalChildren(undefined, nodeRuntime).read()).toEqual([]);
  expect(isAlive(pid)).toBe(true);
});

test("a root that is starting something is busy, and is asked once for many looks", async () => {
  let isSlow = false;
  const go = Promise.withResolvers<void>();
  const Slow = genServer({
    name: "slow",
    init: async () => {
      self().trapExit();
      if (isSlow) await go.promise;
      return {};
    },
  });
  await started(() => [Slow.child([], { id: "slow" })]);
  // Time is over at once for whoever waits.
  const hasty: Runtime = {
    ...nodeRuntime,
    timers: {
      ...nodeRuntime.timers,
      set: (callback) => setImmediate(callback),
      clear: (handle) => clearImmediate(handle as never),
    },
  };
  const read = new CriticalChildren(undefined, hasty);
  isSlow = true;
  await rootOf("shop").terminateChild("slow");
  const restarted = rootOf("shop").restartChild("slow");
  expect(await read.read()).toEqual([{ id: "shop", status: "busy" }]);
  expect(await read.read()).toEqual([{ id: "shop", status: "busy" }]);
  go.resolve();
  await restarted;
  expect(await new CriticalChildren(undefined, nodeRuntime).read()).toEqual([{ id: "shop/slow", status: "running" }]);
});
