import {
  exit,
  local,
  type Name,
  register,
  registered,
  remote,
  send,
  spawn,
  trySend,
  unregister,
  whereis,
} from "@interlock/core";
import { expect, test } from "vitest";

import { end, idle, inProcess, whatever } from "./in-process.ts";

const refused = (problem: string) => expect.objectContaining({ code: `INTERLOCK_${problem}` });

test("register:otp_8099: register, kill, register again: the name is free as soon as the death was seen", () =>
  inProcess(async (self) => {
    for (let round = 0; round < 1_000; round++) {
      const child = spawn(idle);
      register("again", child);
      expect(whereis(local("again"))).toBe(child);
      // By its monitor, by its link, and by nothing but the return of exit.
      if (round % 2 === 0) await end(self, child, () => exit(child, "kill"));
      else exit(child, "kill");
      expect(registered()).toEqual([]);
    }
  }));

test("register:whereis_dead: whereis of a name whose process has ended is undefined", () =>
  inProcess(async (self) => {
    const child = spawn<never>(async (one) => {
      register("short_lived", one.pid);
      await one.receive();
    });
    await end(self, child, () => exit(child, "gone"));
    expect(whereis(local("short_lived"))).toBeUndefined();
    expect(whereis(remote("short_lived", self.pid.node))).toBeUndefined();
  }));

test("register:unregister_unknown: unregister of a name that nobody has is refused", () =>
  inProcess(() => {
    expect(() => unregister("nobody")).toThrow(refused("BAD_ARGUMENT"));
    const child = spawn(idle);
    register("somebody", child);
    unregister("somebody");
    expect(() => unregister("somebody")).toThrow(refused("BAD_ARGUMENT"));
    register("somebody_else", child);
    unregister("somebody_else");
  }));

test("register:send_unknown: a send to an unknown local name fails, one to a name on a node never does", () =>
  inProcess(async (self) => {
    expect(() => send(local("nobody"), { type: "a" })).toThrow(refused("NOPROC"));
    expect(trySend(local("nobody"), { type: "a" })).toBe(false);
    const elsewhere: readonly Name[] = [remote("nobody", self.pid.node), remote("nobody", "nowhere@nohost.invalid")];
    for (const name of elsewhere) {
      expect(() => send(name, { type: "a" })).not.toThrow();
      expect(trySend(name, { type: "a" })).toBe(false);
    }
    register("somebody", self.pid);
    send(remote("somebody", self.pid.node), { type: "a" });
    expect(await self.receive(whatever)).toEqual({ type: "a" });
    unregister("somebody");
  }));

test("register:registered_list: registered lists all names", () =>
  inProcess(() => {
    const names = ["one", "two", "three", "__proto__"];
    expect(registered()).toEqual([]);
    const pids = names.map((name) => {
      const pid = spawn(idle);
      register(name, pid);
      return pid;
    });
    expect(registered().toSorted()).toEqual(names.toSorted());
    unregister("two");
    exit(pids[0] as (typeof pids)[number], "kill");
    expect(registered().toSorted()).toEqual(["__proto__", "three"]);
    for (const name of registered()) unregister(name);
  }));
