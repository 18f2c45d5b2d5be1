import { describe, expect, test } from "vitest";

import { InterlockError } from "../errors.ts";
import { NameBase } from "../naming/name.ts";
import { LocalNode } from "../node.ts";
import { exit, whereis } from "../process/info.ts";
import { LocalPid, RemotePid } from "../process/pid.ts";
import type { Process } from "../process/process.ts";
import { genServer } from "./gen-server.ts";
import { reply } from "./reply.ts";

/** A name that is given, or refused, when the test says so. */
class SlowName extends NameBase {
  readonly asked = Promise.withResolvers<LocalPid>();
  readonly #given = Promise.withResolvers<void>();
  holder: LocalPid | undefined;

  whereis(): LocalPid | undefined {
    return this.holder;
  }
  register(process: Process): Promise<void> {
    this.asked.resolve(process.pid);
    return this.#given.promise;
  }
  unregister(): void {}
  toString(): string {
    return "slow";
  }
  give(): void {
    this.#given.resolve();
  }
  refuse(error: Error): void {
    this.#given.reject(error);
  }
}

let begun = 0;
const Bank = genServer({
  name: "bank",
  init: () => {
    begun++;
    return 0;
  },
  calls: { balance: ({ state }) => reply(state) },
});

describe("a start under a name that is not given at once", () => {
  test("runs init when the name is given, and then what was sent meanwhile", async () => {
    begun = 0;
    const name = new SlowName();
    const starting = Bank.named(name).start();
    const balance = Bank.at((await name.asked.promise) as never).call.balance();
    expect(begun).toBe(0);
    name.give();
    expect(await balance).toBe(0);
    expect((await starting).pid).toBe(await name.asked.promise);
    expect(begun).toBe(1);
  });

  test("fails when another process was quicker, and leaves none behind", async () => {
    begun = 0;
    const name = new SlowName();
    const starting = Bank.named(name).start();
    const pid = await name.asked.promise;
    const holder = new LocalPid(new LocalNode(), 1, undefined) as never;
    name.refuse(new InterlockError("INTERLOCK_NAME_TAKEN", "taken", { name: "slow", pid: holder }));
    await expect(starting).rejects.toMatchObject({ code: "INTERLOCK_ALREADY_STARTED", details: { pid: holder } });
    expect([pid.process, begun]).toEqual([undefined, 0]);
  });

  test("fails with what the name is refused for, or with the end of the process", async () => {
    const [refused, killed] = [new SlowName(), new SlowName()];
    const starts = [Bank.named(refused).start(), Bank.named(killed).start()] as const;
    refused.refuse(new Error("no such luck"));
    await expect(starts[0]).rejects.toThrow("no such luck");
    exit((await killed.asked.promise) as never, "kill");
    await expect(starts[1]).rejects.toMatchObject({ code: "INTERLOCK_START_FAILED", details: { reason: "killed" } });
  });
});

test("a name of another node's process leads to its pid", () => {
  const name = new SlowName();
  expect(whereis(name)).toBeUndefined();
  const home = { name: "b@127.0.0.1", index: 1, route: undefined } as const;
  name.holder = new RemotePid(home, 1, 0);
  expect(whereis(name)).toBe(name.holder);
});
