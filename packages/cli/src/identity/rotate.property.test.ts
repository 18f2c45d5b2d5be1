import fc from "fast-check";
import { expect, test } from "vitest";
import { Cluster, place, shownBy, takenBy } from "./rotated-cluster.fixture.ts";
import { ensureSecrets } from "./secrets.ts";

test.each([
  ["cookie", 60],
  ["certificates", 25],
] as const)("the %s: of two who change it at once, while somebody deploys, none harms a pod", async (what, numRuns) => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(fc.nat(3), { minLength: 2, maxLength: 3 }), async (scheduler, lags) => {
      const cluster = new Cluster(what);
      await cluster.start(lags.map((_, at) => `pod-${at}`));
      lags.forEach((lag, at) => void cluster.lag.set(`pod-${at}`, lag));
      const through = async <T>(request: () => Promise<T>): Promise<T> => {
        await scheduler.schedule(Promise.resolve());
        return request();
      };
      const { api } = cluster.connection(through);
      const deploy = { ...place, tls: true, fieldManager: "test", applied: () => undefined };
      const ends = await scheduler.waitFor(
        Promise.allSettled([
          cluster.rotate({ stepMs: 12_000 }, through),
          cluster.rotate({ stepMs: 12_000 }, through),
          ensureSecrets(api, deploy),
        ]),
      );
      expect(cluster.refusals).toEqual([]);
      for (const end of ends)
        if (end.status === "rejected")
          expect(["INTERLOCK_KUBERNETES_CONFLICT", "INTERLOCK_ROTATION_STALLED"]).toContain(end.reason.code);
      // Whatever is left of it can be gone on with.
      await cluster.rotate();
      expect(cluster.refusals).toEqual([]);
      expect(takenBy(await cluster.secret())).toEqual([shownBy(await cluster.secret())]);
    }),
    { numRuns },
  );
});
