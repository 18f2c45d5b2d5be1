import { X509Certificate } from "node:crypto";
import { type KubernetesObject, kubernetesApi } from "@interlock/kubernetes";
import { FakeApiServer } from "@interlock/kubernetes/testing";
import { describe, expect, test } from "vitest";
import { kindsIn } from "../kinds.ts";
import type { Connection } from "../ui/terminal.ts";
import { type Rotated, rotate } from "./rotate.ts";
import { ensureSecrets, type Texts, textsOf } from "./secrets.ts";

const place = { cluster: "shop", namespace: "prod" };

const { pods, secrets: of } = kindsIn("prod");
const names = { cookie: "shop-cookie", certificates: "shop-tls" } as const;

/** A cluster whose pods get what is in the Secrets a few looks late, each by itself. */
class Cluster {
  readonly server = new FakeApiServer();
  readonly api = kubernetesApi({ transport: this.server, namespace: "prod" });
  readonly said: string[] = [];
  /** What each pod has. */
  readonly mounted = new Map<string, Texts>();
  /** For how many looks a pod has what was there before; "never" gets nothing more, "mute" does not answer. */
  readonly lag = new Map<string, number | "never" | "mute">();
  readonly what: Rotated;
  #late = new Map<string, number>();
  #jumpMs = 0;

  constructor(what: Rotated) {
    this.what = what;
  }

  async start(podNames: readonly string[]): Promise<void> {
    await ensureSecrets(this.api, { ...place, tls: true, fieldManager: "test", applied: () => undefined });
    for (const name of podNames) {
      const metadata = { name, namespace: "prod", labels: { "interlock.dev/cluster": "shop" } };
      await this.api.create(pods, { metadata, status: { phase: "Running" } } as KubernetesObject);
      this.mounted.set(name, await this.secret());
    }
  }

  async secret(): Promise<Texts> {
    return textsOf(await this.api.get(of, names[this.what]));
  }

  /** Every look is a second. */
  get connection(): Connection {
    const { runtime } = this.api;
    const clock = { ...runtime.clock, now: () => runtime.clock.now() + this.#jumpMs };
    const timers = {
      ...runtime.timers,
      set: (callback: () => void, delayMs: number) => {
        this.#jumpMs += delayMs;
        return runtime.timers.set(callback, 0);
      },
    };
    const transport: Connection["transport"] = {
      server: this.server.server,
      close: () => undefined,
      request: async (request) => {
        const pod = /pods\/([^:]+):9101\/proxy/.exec(request.path)?.[1];
        return pod === undefined ? this.server.request(request) : this.#answer(pod);
      },
    };
    const api = kubernetesApi({ transport, namespace: "prod", runtime: { ...runtime, clock, timers } });
    return { api, transport, forward: () => Promise.reject(new Error("none")) };
  }

  async #answer(pod: string) {
    const lag = this.lag.get(pod) ?? 0;
    const waited = (this.#late.get(pod) ?? 0) + 1;
    const latest = await this.secret();
    if (lag !== "never" && (lag === "mute" || waited > lag)) {
      this.mounted.set(pod, latest);
      this.#late.set(pod, 0);
    } else if (this.mounted.get(pod)?.["version"] !== latest["version"]) this.#late.set(pod, waited);
    this.check();
    const body = async function* (said: object) {
      yield Buffer.from(JSON.stringify(said));
    };
    const secrets = { [this.what]: this.mounted.get(pod)?.["version"] };
    if (lag === "mute") return { status: 503, headers: {}, body: body({}) };
    return { status: 200, headers: {}, body: body({ phase: "serving", secrets }) };
  }

  /** At every moment any two pods take what the other shows. */
  check(): void {
    for (const one of this.mounted.values())
      for (const other of this.mounted.values()) expect(takenBy(other)).toContain(shownBy(one));
  }

  rotate(): Promise<void> {
    return rotate(this.connection, {
      ...place,
      what: this.what,
      fieldManager: "test",
      say: (line) => this.said.push(line),
    });
  }
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Of a certificate it is its issuer that counts. */
const issuerOf = (texts: Texts): string => new X509Certificate(texts["tls.crt"] ?? "").issuer;
const subjectOf = (cert: string): string => new X509Certificate(cert).subject;
const shownBy = (texts: Texts): string => texts["cookie"]?.split("\n")[0] ?? issuerOf(texts);
const takenBy = (texts: Texts): readonly string[] =>
  texts["cookie"]?.split("\n") ?? (texts["ca.crt"] ?? "").match(PEM)?.map(subjectOf) ?? [];

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
  await expect(cluster.rotate()).rejects.toMatchObject({ code: "INTERLOCK_CLUSTER_SECRET" });
});
