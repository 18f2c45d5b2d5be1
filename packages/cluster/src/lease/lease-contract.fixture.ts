/** What holds of leases wherever they are kept: run for every place that this workspace knows. */
import { describe, expect, test } from "vitest";

import type { LeaseRecord, Leases } from "./lease.ts";

const a = { holder: "a", durationMs: 1_000 };
const b = { holder: "b", durationMs: 2_000 };

/** `make` gives leases that share nothing with those of another call. */
export function leaseContract(where: string, make: () => Leases): void {
  describe(`a lease ${where}`, () => {
    test("is given to one of those who saw the same, and the others are told whose it is", async () => {
      const leases = make();
      const lease = leases.lease("bank");
      expect(await lease.read()).toBeUndefined();
      const answers = await Promise.all([lease.acquire(a, undefined), leases.lease("bank").acquire(b, undefined)]);
      expect(answers.filter(({ granted }) => granted)).toHaveLength(1);
      expect(answers[0]?.record).toEqual(answers[1]?.record);
      expect(await lease.read()).toEqual(answers[0]?.record);
      expect(await leases.lease("another").read()).toBeUndefined();
    });

    test("keeps its token when renewed, and has a higher one whenever it is acquired, also after a release", async () => {
      const lease = make().lease("bank.of/../england");
      const first = (await lease.acquire(a, undefined)).record as LeaseRecord;
      const renewed = (await lease.renew(first)).record as LeaseRecord;
      expect(renewed).toMatchObject({ holder: "a", token: 1, durationMs: 1_000 });
      expect(renewed.version).not.toBe(first.version);
      // An answer that was lost: by the version before it is the holder's still.
      expect(await lease.renew(first)).toMatchObject({ granted: true });
      expect(await lease.release(first)).toBe(true);
      const free = await lease.read();
      expect(free).toMatchObject({ holder: undefined, token: 1 });
      const second = await lease.acquire(b, free);
      expect(second).toMatchObject({ granted: true, record: { holder: "b", token: 2, durationMs: 2_000 } });
      expect(await lease.renew(first)).toMatchObject({ granted: false, record: { holder: "b" } });
      expect(await lease.release(first)).toBe(false);
      expect(await lease.acquire(a, free)).toMatchObject({ granted: false, record: { holder: "b" } });
    });

    test("tells who watches of a change", async () => {
      const lease = make().lease("bank");
      const told = Promise.withResolvers<void>();
      await lease.acquire(a, undefined);
      const end = lease.watch?.(() => told.resolve());
      let last = await lease.read();
      // The watch of files, and of a server, begins a little later.
      while ((await Promise.race([told.promise.then(() => true), lease.renew(last as LeaseRecord)])) !== true)
        last = await lease.read();
      end?.();
    });
  });
}
