import { describe, expect, test } from "vitest";
import { Cluster, of, pods, shownBy, takenBy } from "./rotated-cluster.fixture.ts";

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

  test.each(["the old one is shown", "the new one is shown", "only the new one is left"])(
    "is not changed further while a pod does not know that %s; called again it goes on there",
    async (step) => {
      const cluster = new Cluster(what);
      await cluster.start(["a", "b"]);
      const stall = (line: string): void => void (line.startsWith(step) && cluster.lag.set("b", "never"));
      const error: unknown = await cluster.rotate({ say: stall, stepMs: 60_000 }).catch((given: unknown) => given);
      expect(error).toMatchObject({ code: "INTERLOCK_ROTATION_STALLED", details: { behind: ["b"], what } });
      const known = await cluster.known();
      cluster.lag.set("b", 2);
      await cluster.rotate();
      expect(cluster.said[0]).toMatch(new RegExp(`^going on with what was begun: ${step}`));
      // Nothing newer than what was begun.
      expect(known).toContain(shownBy(await cluster.secret()));
      expect(takenBy(await cluster.secret())).toHaveLength(1);
      expect(cluster.refusals).toEqual([]);
    },
  );

  test("is changed once when it was broken off at any of its writings, and called again", async () => {
    for (let at = 1, isBroken = true; isBroken; at++) {
      const cluster = new Cluster(what);
      await cluster.start(["a", "b"]);
      const before = await cluster.known();
      let writings = 0;
      cluster.server.fault = ({ method }) => (method === "PUT" && ++writings === at ? "refused" : undefined);
      isBroken = await cluster.rotate().then(
        () => false,
        () => true,
      );
      const begun = (await cluster.known()).filter((one) => !before.includes(one));
      if (isBroken) await cluster.rotate();
      const after = await cluster.secret();
      expect(begun.length === 0 || begun.includes(shownBy(after))).toBe(true);
      expect(before).not.toContain(shownBy(after));
      expect(takenBy(after)).toEqual([shownBy(after)]);
      expect(cluster.refusals).toEqual([]);
      if (!isBroken) expect(at).toBe(what === "cookie" ? 5 : 8);
    }
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

test("a pod that has its machine and does not run yet is waited for: its Secrets may be mounted; one without is not", async () => {
  const cluster = new Cluster("cookie");
  await cluster.start(["a", "b"]);
  await cluster.api.patch(pods, "b", { status: { phase: "Pending" } });
  await cluster.add("c", { status: { phase: "Pending" } });
  const stalled: unknown = await cluster.rotate().catch((given: unknown) => given);
  expect(stalled).toMatchObject({ code: "INTERLOCK_ROTATION_STALLED", details: { behind: ["b"] } });
  expect(cluster.said.at(-1)).toBe("1 of 2 pods have it");
  await cluster.api.patch(pods, "b", { status: { phase: "Running" } });
  await cluster.rotate();
  expect(cluster.refusals).toEqual([]);
  expect(takenBy(await cluster.secret())).toHaveLength(1);
});

describe("while the pods are waited for", () => {
  /** How many looks each step took, with what becomes of each look. */
  async function looks(cluster: Cluster, fault: (look: number) => "refused" | undefined): Promise<readonly number[]> {
    let look = 0;
    const steps: number[] = [];
    cluster.server.fault = ({ method, path }) => {
      if (method === "PUT") steps.push(look);
      return path.includes("/pods?") ? fault(++look) : undefined;
    };
    await cluster.rotate();
    return steps.map((begun, at) => (steps[at + 1] ?? look) - begun);
  }

  test("an API server that is away for a while ends nothing, and it is said once", async () => {
    const cluster = new Cluster("cookie");
    await cluster.start(["a", "b"]);
    cluster.lag.set("b", 3);
    const [first] = await looks(cluster, (look) => (look > 1 && look < 6 ? "refused" : undefined));
    expect(first).toBe(8);
    const [, ...said] = cluster.said;
    expect(said.slice(0, 4)).toEqual([
      "1 of 2 pods have it",
      expect.stringMatching(/no answer of .*ECONNREFUSED/),
      "1 of 2 pods have it",
      "2 of 2 pods have it",
    ]);
    expect(takenBy(await cluster.secret())).toHaveLength(1);
  });

  test("an error that does not pass by itself ends it, and so does one that lasts as long as a step may", async () => {
    const cluster = new Cluster("cookie");
    await cluster.start(["a"]);
    cluster.server.fault = ({ path }) => (path.includes("/pods?") ? { status: 403 } : undefined);
    await expect(cluster.rotate()).rejects.toMatchObject({ code: "INTERLOCK_KUBERNETES_FORBIDDEN" });
    cluster.server.fault = ({ path }) => (path.includes("/pods?") ? "refused" : undefined);
    await expect(cluster.rotate()).rejects.toMatchObject({ code: "INTERLOCK_KUBERNETES_UNREACHABLE" });
  });

  test("the time in which kubelets may have reached nothing either is not counted for pods that cannot be asked", async () => {
    const cluster = new Cluster("cookie");
    await cluster.start(["a"]);
    cluster.lag.set("a", "mute");
    const [first = 0, second = 0] = await looks(cluster, (look) => (look > 100 && look <= 110 ? "refused" : undefined));
    expect(second).toBeGreaterThanOrEqual(150);
    expect(first).toBeGreaterThanOrEqual(110 + 150);
  });

  test("a pod that has said that it has the old one is not taken to have another because one answer is missing", async () => {
    const cluster = new Cluster("cookie");
    await cluster.start(["a"]);
    cluster.lag.set("a", "never");
    const [first] = await looks(cluster, (look) => {
      if (look === 160) cluster.lag.set("a", "mute");
      return undefined;
    });
    expect(first).toBeGreaterThanOrEqual(159 + 150);
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
