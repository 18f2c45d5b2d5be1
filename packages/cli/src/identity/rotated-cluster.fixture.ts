/** A cluster whose Secrets are changed while it runs: an API server in memory, and pods that get them late. */
import { X509Certificate } from "node:crypto";
import { type ApiResponse, type KubernetesObject, kubernetesApi } from "@interlock/kubernetes";
import { FakeApiServer } from "@interlock/kubernetes/testing";
import { kindsIn } from "../kinds.ts";
import type { Connection } from "../ui/terminal.ts";
import { type Rotated, type RotateOptions, rotate } from "./rotate.ts";
import { ensureSecrets, type Texts, textsOf } from "./secrets.ts";

export const place = { cluster: "shop", namespace: "prod" };

export const { pods, secrets: of } = kindsIn("prod");
const names = { cookie: "shop-cookie", certificates: "shop-tls" } as const;

/** A cluster whose pods get what is in the Secrets a few looks late, each by itself. */
export class Cluster {
  readonly server = new FakeApiServer();
  readonly api = kubernetesApi({ transport: this.server, namespace: "prod" });
  readonly said: string[] = [];
  /** What each pod has. */
  readonly mounted = new Map<string, Texts>();
  /** For how many looks a pod has what was there before; "never" gets nothing more, "mute" does not answer. */
  readonly lag = new Map<string, number | "never" | "mute">();
  /** Pods that refused each other. Whoever rotates would take an error here for a pod that does not answer. */
  readonly refusals: string[] = [];
  readonly what: Rotated;
  #late = new Map<string, number>();
  #jumpMs = 0;

  constructor(what: Rotated) {
    this.what = what;
  }

  async start(podNames: readonly string[]): Promise<void> {
    await ensureSecrets(this.api, { ...place, tls: true, fieldManager: "test", applied: () => undefined });
    for (const name of podNames) {
      await this.add(name, { spec: { nodeName: "machine" }, status: { phase: "Running" } });
      this.mounted.set(name, await this.secret());
    }
  }

  async add(name: string, pod: object): Promise<void> {
    const metadata = { name, namespace: "prod", labels: { "interlock.dev/cluster": "shop" } };
    await this.api.create(pods, { metadata, ...pod } as KubernetesObject);
  }

  async secret(): Promise<Texts> {
    return textsOf(await this.api.get(of, names[this.what]));
  }

  /** All that there is of what is changed, mounted or not. */
  async known(): Promise<readonly string[]> {
    if (this.what === "cookie") return takenBy(await this.secret());
    const { "tls.crt": current = "", "next.crt": fresh } = textsOf(await this.api.get(of, "shop-authority"));
    return [current, ...(fresh === undefined ? [] : [fresh])].map(subjectOf);
  }

  /** Every look is a second, and passes at once. */
  connection(through: Through = (request) => request()): Connection {
    const { runtime } = this.api;
    const clock = { ...runtime.clock, now: () => runtime.clock.now() + this.#jumpMs };
    const look = (callback: () => void): void => {
      this.#jumpMs += LOOK_MS;
      runtime.turns.immediate(callback);
    };
    const set: typeof runtime.timers.set = (callback, delayMs) =>
      delayMs === LOOK_MS ? look(callback) : runtime.timers.set(callback, delayMs);
    const transport: Connection["transport"] = {
      server: this.server.server,
      close: () => undefined,
      request: (request) => {
        const pod = /pods\/([^:]+):9101\/proxy/.exec(request.path)?.[1];
        return through(() => (pod === undefined ? this.server.request(request) : this.#answer(pod)));
      },
    };
    const timers = { ...runtime.timers, set };
    const api = kubernetesApi({ transport, namespace: "prod", runtime: { ...runtime, clock, timers } });
    return { api, transport, forward: () => Promise.reject(new Error("none")) };
  }

  async #answer(pod: string): Promise<ApiResponse> {
    const lag = this.lag.get(pod) ?? 0;
    const waited = (this.#late.get(pod) ?? 0) + 1;
    const latest = await this.secret();
    if (lag !== "never" && (lag === "mute" || waited > lag)) {
      this.mounted.set(pod, latest);
      this.#late.set(pod, 0);
    } else if (this.mounted.get(pod)?.["version"] !== latest["version"]) this.#late.set(pod, waited);
    this.#check();
    const body = async function* (said: object) {
      yield Buffer.from(JSON.stringify(said));
    };
    const secrets = { [this.what]: this.mounted.get(pod)?.["version"] };
    if (lag === "mute") return { status: 503, headers: {}, body: body({}) };
    return { status: 200, headers: {}, body: body({ phase: "serving", secrets }) };
  }

  /** At every moment any two pods take what the other shows. */
  #check(): void {
    for (const [pod, one] of this.mounted)
      for (const [other, its] of this.mounted)
        if (!takenBy(its).includes(shownBy(one))) this.refusals.push(`${other} refuses ${pod}`);
  }

  rotate(options: Partial<RotateOptions> = {}, through?: Through): Promise<void> {
    return rotate(this.connection(through), {
      ...place,
      what: this.what,
      fieldManager: "test",
      say: (line) => this.said.push(line),
      ...options,
    });
  }
}

/** What becomes of a request on its way. */
export type Through = (request: () => Promise<ApiResponse>) => Promise<ApiResponse>;

const LOOK_MS = 1_000;
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Of a certificate it is its issuer that counts. */
const issuerOf = (texts: Texts): string => new X509Certificate(texts["tls.crt"] ?? "").issuer;
const subjectOf = (cert: string): string => new X509Certificate(cert).subject;
export const shownBy = (texts: Texts): string => texts["cookie"]?.split("\n")[0] ?? issuerOf(texts);
export const takenBy = (texts: Texts): readonly string[] =>
  texts["cookie"]?.split("\n") ?? (texts["ca.crt"] ?? "").match(PEM)?.map(subjectOf) ?? [];
