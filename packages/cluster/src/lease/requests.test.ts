import { describe, expect, test } from "vitest";
import { VirtualTime } from "../names/virtual-time.fixture.ts";
import type { Lease, LeaseRecord } from "./lease.ts";
import { memoryLeases } from "./memory-leases.ts";
import { carryOut, releasedWithin } from "./requests.ts";

const claim = { holder: "a", durationMs: 1_000 };
const waitedFor = (): boolean => true;
const late = (): boolean => false;

async function acquired(lease: Lease, isWaitedFor: () => boolean): Promise<LeaseRecord> {
  const { granted, record } = await carryOut(lease, { type: "acquire", over: undefined }, claim, isWaitedFor);
  expect(granted).toBe(true);
  return record as LeaseRecord;
}

describe("a request", () => {
  test("is carried out on the lease, and what it answers is the lease's answer", async () => {
    const lease = memoryLeases().lease("bank");
    const held = await acquired(lease, waitedFor);
    expect(held).toMatchObject({ holder: "a", durationMs: 1_000, token: 1 });
    const renewed = await carryOut(lease, { type: "renew", held }, claim, waitedFor);
    expect(renewed).toMatchObject({ granted: true, record: { holder: "a", token: 1 } });
    const other = { ...claim, holder: "b" };
    expect(await carryOut(lease, { type: "acquire", over: held }, other, waitedFor)).toEqual({
      granted: false,
      record: renewed.record,
    });
    // To have seen it is not to hold it.
    expect(await carryOut(lease, { type: "read" }, claim, waitedFor)).toEqual({ ...renewed, granted: false });
  });

  test("that is granted when nobody waits for it any more leaves a free lease, where that can be", async () => {
    const lease = memoryLeases().lease("bank");
    await acquired(lease, late);
    expect(await lease.read()).toMatchObject({ holder: undefined, token: 1 });
    const stubborn: Lease = {
      ...{ name: "bank", read: () => lease.read(), renew: (held) => lease.renew(held) },
      acquire: (given) => lease.read().then((over) => lease.acquire(given, over)),
      release: () => Promise.reject(new Error("unreachable")),
    };
    await acquired(stubborn, late);
    expect(await lease.read()).toMatchObject({ holder: "a", token: 2 });
  });

  test("to renew or to read gives nothing up, however late its answer", async () => {
    const lease = memoryLeases().lease("bank");
    const held = await acquired(lease, waitedFor);
    await carryOut(lease, { type: "renew", held }, claim, late);
    await carryOut(lease, { type: "read" }, claim, late);
    expect(await lease.read()).toMatchObject({ holder: "a", token: 1 });
  });
});

describe("a release", () => {
  test("is waited for no longer than it takes", async () => {
    const time = new VirtualTime();
    await releasedWithin(time.node(), Promise.resolve(true), 1_000);
    expect(time.alarms).toBe(0); // No timer keeps the program from its end.
  });

  test("that takes too long is waited for no longer", async () => {
    const time = new VirtualTime();
    const waiting = releasedWithin(time.node(), new Promise(() => undefined), 1_000);
    await time.advance(1_000);
    await waiting;
    expect(time.alarms).toBe(0);
  });
});
