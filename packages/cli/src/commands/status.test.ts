import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { TestTerminal } from "./commands.fixture.ts";
import { deployed } from "./deployed.fixture.ts";
import { exitCodeOf } from "./exit-code.ts";
import { status } from "./status.ts";

const file = "interlock.yaml";
const good = {
  "bank-a": { hash: "hash2", version: "1.1.0" },
  "bank-b": { hash: "hash2", version: "1.1.0" },
} as const;

describe("interlock status", () => {
  test("says that all is well, with a row for each pod, and ends with 0", async () => {
    const given = new TestTerminal();
    await deployed(given.server, good);
    expect(await status("bank", { file }, given)).toBe(0);
    const [sentence, head, ...rows] = given.out.text.trim().split("\n");
    expect(sentence).toBe("✔ bank in shop: 2 of 2 pods ready, revision 2, rolled out");
    expect(head?.trim().split(/\s+/)).toEqual("POD VERSION REV STATE RESTARTS AGE MACHINE WHY".split(" "));
    expect(rows.map((row) => row.split(/\s+/).slice(0, 6))).toEqual([
      ["✔", "bank-a", "1.1.0", "2", "ready", "0"],
      ["✔", "bank-b", "1.1.0", "2", "ready", "0"],
    ]);
  });

  test("ends with 3 when fewer pods are ready than asked for, and says why, and what is refused, as the pod itself does", async () => {
    const given = new TestTerminal();
    await deployed(given.server, { ...good, "bank-b": { hash: "hash2", version: "1.1.0", ready: false } });
    const paths: string[] = [];
    given.transport = {
      ...given.transport,
      server: given.server.server,
      close: () => undefined,
      request: async (request) => {
        if (!request.path.includes("/proxy/")) return given.server.request(request);
        paths.push(request.path);
        const reasons = [{ check: "store_sup", reason: "it is restarting" }];
        const refused = 'The configuration of bank is invalid:\n  rate: not a number; got "fast" (ConfigMap /etc/rate)';
        const config = [{ application: "store" }, { application: "bank", refused }];
        const application = { name: "bank", version: "1.1.0-rc" };
        const said = { application, phase: "serving", ready: false, reasons, config };
        const body = async function* () {
          yield Buffer.from(JSON.stringify(said));
        };
        return { status: 200, headers: {}, body: body() };
      },
    };
    expect(await status("bank", { file, output: "json" }, given)).toBe(3);
    expect(paths).toContain("/api/v1/namespaces/shop/pods/bank-b:9101/proxy/lifecycle/status");
    const { degraded, pods } = JSON.parse(given.out.text);
    expect(degraded).toBe(true);
    expect(pods[1]).toMatchObject({
      version: "1.1.0-rc",
      state: "not ready",
      machine: "machine-1",
      reasons: [
        "store_sup: it is restarting",
        'config: The configuration of bank is invalid: rate: not a number; got "fast" (ConfigMap /etc/rate)',
      ],
    });
  });

  test("shows old and new pods while it rolls out, and what a new one fails with", async () => {
    const given = new TestTerminal();
    const failing = { hash: "hash2", version: "1.1.0", ready: false, restarts: 4, waiting: "CrashLoopBackOff" };
    await deployed(given.server, { "bank-a": { hash: "hash1", version: "1.0.0" }, "bank-b": failing });
    expect(await status("bank", { file, output: "yaml" }, given)).toBe(3);
    const { pods, rollout } = parse(given.out.text);
    expect(rollout).toMatchObject({ type: "failed", problem: "crashes" });
    expect(pods.map(({ name, revision, state }: Record<string, unknown>) => [name, revision, state])).toEqual([
      ["bank-b", 2, "failed"],
      ["bank-a", 1, "ready"],
    ]);
  });

  test("watching, it writes a line for each change and none without one, and goes on when the API server is away for a while", async () => {
    const given = new TestTerminal();
    await deployed(given.server, good);
    const end = new AbortController();
    let looks = 0;
    const { request } = given.server;
    given.transport = {
      server: "https://fake:443",
      close: () => undefined,
      request: async (one) => {
        if (one.path.includes("/deployments/")) looks += 1;
        if (looks === 3 && one.path.includes("/deployments/"))
          await given.server.unfailing.request({
            ...one,
            method: "DELETE",
            path: "/api/v1/namespaces/shop/pods/bank-b",
          });
        if (looks === 4) end.abort();
        if (looks === 2) throw new Error("connect ECONNREFUSED");
        return request.call(given.server, one);
      },
    };
    expect(await status("bank", { file, watch: true, signal: end.signal }, given)).toBe(3);
    const lines = given.out.text.trim().split("\n");
    expect(lines.map((line) => /\d of \d pods ready/.exec(line)?.[0])).toEqual([
      "2 of 2 pods ready",
      "1 of 2 pods ready",
    ]);
    expect(given.talk.text).toContain("connect ECONNREFUSED");
  });

  test("ends as not found when there is no such application", async () => {
    const given = new TestTerminal();
    const refused = status("bank", { file }, given);
    await expect(refused).rejects.toMatchObject({ code: "INTERLOCK_KUBERNETES_NOT_FOUND" });
    expect(await refused.catch(exitCodeOf)).toBe(5);
  });
});
