/** Elixir's case of Agent (lib/elixir/test/elixir/agent_test.exs), written anew. */
import { agent, isAlive } from "@interlock/core";
import { expect, test } from "vitest";

import { crashesOf } from "./in-process.ts";

const Settings = agent((): ReadonlyMap<string, number> => new Map(), { name: "settings" });

test("agent:start_link/2 workflow: get, update, get_and_update, cast, and a function that raises ends the agent", async () => {
  const settings = await Settings.startLink();
  expect(await settings.update((state) => new Map(state).set("hello", 1))).toBeUndefined();
  expect(await settings.get((state) => state.get("hello"))).toBe(1);
  settings.cast((state) => new Map(state).set("world", 2));
  const taken = await settings.getAndUpdate((state) => {
    const left = new Map(state);
    left.delete("hello");
    return [state.get("hello"), left];
  });
  expect(taken).toBe(1);
  expect(await settings.get((state) => [...state])).toEqual([["world", 2]]);
  await settings.stop();
  expect(isAlive(settings.pid)).toBe(false);

  for (const raise of ["get", "update", "getAndUpdate", "cast"] as const) {
    const doomed = await Settings.start();
    const { pid } = doomed;
    const failure = new Error("raised");
    const failing = (): never => {
      throw failure;
    };
    if (raise === "cast") doomed.cast(failing);
    else await expect(doomed[raise](failing)).rejects.toMatchObject({ code: "INTERLOCK_CALLEE_EXIT", cause: failure });
    await expect(doomed.get((state) => state.size)).rejects.toMatchObject({
      code: expect.stringMatching(/NOPROC|CALLEE_EXIT/),
    });
    expect(isAlive(pid)).toBe(false);
    expect(crashesOf(pid)).toMatchObject([{ label: "settings", reason: { error: failure } }]);
  }
});
