import { describe, expect, test } from "vitest";
import { Cluster, of, shownBy, takenBy } from "./rotated-cluster.fixture.ts";

describe.each(["cookie", "certificates"] as const)("the %s of a cluster that runs", (what) => {
  test("is changed in three steps, and no two pods ever refuse each other, however late each is", async () => {
    const cluster = new Cluster(what);
    await cluster.start(["a", "b", "c"]);
    cluster.lag.set("b", 3).set("c", 11);
    const before = await cluster.secret();
    await cluster.rotate();
    const after = await cluster.secret();
    expect(takenBy(after)).toHaveLength(1);
    expect(shownBy(after)).not.toBe(shownBy(before));
    expect([...cluster.mounted.values()]).toEqual([after, after, after]);
    expect(cluster.said.filter((line) => line.includes("shown") || line.includes("left"))).toHaveLength(3);
    expect(cluster.said).toContain("1 of 3 pods have it");
    expect(cluster.refusals).toEqual([]);
    expect(cluster.said.join("\n")).not.toContain(shownBy(after));
  });

  test("is not changed further while a pod says that it has the old one; called again it goes on", async () => {
    const cluster = new Cluster(what);
    await cluster.start(["a", "b"]);
    cluster.lag.set("b", "never");
    const error: unknown = await cluster.rotate().catch((given: unknown) => given);
    expect(error).toMatchObject({ code: "INTERLOCK_ROTATION_STALLED", details: { behind: ["b"], what } });
    expect(takenBy(await cluster.secret())).toHaveLength(2);
    cluster.lag.set("b", 2);
    await cluster.rotate();
    expect(cluster.said).toContainEqual(expect.stringContaining("going on with what was begun"));
    expect(takenBy(await cluster.secret())).toHaveLength(1);
  });

  test("is changed by one of two who do so at once, and the other has overwritten nothing", async () => {
    const cluster = new Cluster(what);
    await cluster.start(["a", "b"]);
    const late = Promise.withResolvers<void>();
    let asked = 0;
    // Has read all that there is, and writes when the first one has done all that it does.
    const other = cluster.rotate({}, async (request) => {
      if (asked++ >= (what === "cookie" ? 1 : 2)) await late.promise;
      return request();
    });
    await cluster.rotate();
    const after = await cluster.secret();
    late.resolve();
    await expect(other).rejects.toMatchObject({ code: "INTERLOCK_KUBERNETES_CONFLICT" });
    expect(await cluster.secret()).toEqual(after);
    expect(cluster.refusals).toEqual([]);
  });

  test("is waited for long enough where a pod cannot be asked", async () => {
    const cluster = new Cluster(what);
    await cluster.start(["a", "b"]);
    cluster.lag.set("b", "mute");
    await cluster.rotate();
    expect(cluster.said).toContain("1 pods could not be asked, and have had 150 s for it");
    expect(takenBy(await cluster.secret())).toHaveLength(1);
  });
});

test("certificates that others have put there are not changed", async () => {
  const cluster = new Cluster("certificates");
  await cluster.start(["a"]);
  await cluster.api.patch(of, "shop-tls", { metadata: { labels: null } });
  await cluster.api.delete(of, "shop-authority");
  await expect(cluster.rotate()).rejects.toMatchObject({
    code: "INTERLOCK_CLUSTER_SECRET",
    details: { secret: "shop-tls" },
  });
});
