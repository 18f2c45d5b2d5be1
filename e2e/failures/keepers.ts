/** The application keeper on Kubernetes, in a namespace of its own, and what can be asked of its pods. */
import { readApp, writeApp } from "../app-file.ts";
import { eventually } from "../eventually.ts";
import { image } from "../images.ts";
import { interlock, type Namespace, namespaceFor } from "../kubernetes.ts";
import { type Pod, podsOf } from "../pods.ts";
import type { Ledger } from "./ledger.ts";
import { machine, pidOfContainer } from "./machines.ts";

/** What a pod says of itself. */
export interface State {
  readonly pod: string;
  readonly node: string;
  readonly startedAt: number;
  /** `keeper@10.244.1.3 up` */
  readonly members: readonly string[];
  readonly agreed: boolean;
  readonly clerk?: string;
  readonly ward: { readonly starts: number; readonly wardStarts: number };
  readonly settings: { readonly greeting: string; readonly pace: number; readonly passwordHash: string };
  readonly letters: { readonly received: number; readonly lost: number; readonly doubled: number };
  readonly changes: readonly { readonly node: string; readonly to: string; readonly at: number }[];
}

export interface Status {
  readonly ready: boolean;
  readonly config: readonly { readonly changes: number; readonly refused?: string }[];
}

export interface Probe {
  readonly status: number;
  readonly body: { readonly reasons: readonly { readonly check: string; readonly reason: string }[] };
}

export class Keeper {
  readonly name: string;
  readonly ip: string;
  /** The machine that it is on. */
  readonly machine: string;
  readonly restarts: number;
  /** By its kubelet alone: when a machine that was silent is heard again, controllers' view of it lags behind. */
  readonly isReady: boolean;
  /** Of the container before this one. */
  readonly exitCode: number | undefined;
  readonly #container: string;

  constructor({ containerId, exitCode, ip, isContainerReady, name, node, restarts }: Pod) {
    this.name = name;
    this.ip = ip;
    this.machine = node;
    this.restarts = restarts;
    this.isReady = isContainerReady;
    this.exitCode = exitCode;
    this.#container = containerId;
  }

  get node(): string {
    return `keeper@${this.ip}`;
  }

  state(): Promise<State> {
    return this.ask("/state");
  }

  async ask<T>(path: string, method: "GET" | "POST" = "GET"): Promise<T> {
    const signal = AbortSignal.timeout(2_000);
    const response = await fetch(`http://${this.ip}:8080${path}`, {
      method,
      signal,
      headers: { connection: "close" },
    });
    if (!response.ok) throw new Error(`${this.name}${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  /** Does to it what the path says; whoever hangs does not answer. */
  async act(path: string): Promise<void> {
    await this.ask(path, "POST").catch(() => undefined);
  }

  /** Asked on its own machine, so that it answers when the cables are cut. Undefined: it does not answer there either. */
  async probe(path: "/ready" | "/live" = "/ready"): Promise<Probe | undefined> {
    const question = `curl -s -m 3 -w ' %{http_code}' http://${this.ip}:9101${path} || true`;
    const text = (await machine("exec", this.machine, "sh", "-c", question)).trim();
    const status = Number(text.slice(-3));
    return status === 0 ? undefined : { status, body: JSON.parse(text.slice(0, -3)) as Probe["body"] };
  }

  async ready(): Promise<boolean> {
    return (await this.probe())?.status === 200;
  }

  /** What its management port says of it. */
  async status(): Promise<Status> {
    const response = await fetch(`http://${this.ip}:9101/lifecycle/status`, { signal: AbortSignal.timeout(3_000) });
    return (await response.json()) as Status;
  }

  /** @returns when it was done (Unix epoch, milliseconds). */
  async kill(): Promise<number> {
    const pid = await pidOfContainer(this.#container);
    const at = Date.now();
    process.kill(pid, "SIGKILL");
    return at;
  }
}

export class Keepers implements AsyncDisposable {
  readonly namespace: Namespace;
  readonly #file: string;

  private constructor(namespace: Namespace, file: string) {
    this.namespace = namespace;
    this.#file = file;
  }

  /** Three of them, in a namespace of their own. */
  static async deploy(test: string, ledger: Ledger): Promise<Keepers> {
    const file = await writeApp(await readApp("e2e/apps/keeper/interlock.yaml"), [{ env: { LEDGER: ledger.url } }]);
    await using unready = new AsyncDisposableStack();
    const keepers = unready.use(new Keepers(await namespaceFor(test), file));
    await keepers.setPassword("open sesame");
    await keepers.interlock("deploy", "--image", image.keeper, "--timeout", "120");
    await keepers.oneCluster(3);
    unready.move();
    return keepers;
  }

  /** One of the commands for an application. @returns what it said. */
  interlock(command: string, ...args: readonly string[]): Promise<string> {
    return interlock(command, "-f", this.#file, "-n", this.namespace.name, ...args);
  }

  /** A Secret with a setting. */
  setPassword(password: string): Promise<void> {
    const metadata = { name: "keeper-settings" };
    return this.namespace.apply({ apiVersion: "v1", kind: "Secret", metadata, stringData: { password } });
  }

  /** Settings of the ConfigMap. */
  async set(data: Readonly<Record<string, string>>): Promise<void> {
    await this.namespace.kubectl(
      "patch",
      "configmap",
      "keeper-config",
      "--type=merge",
      `-p=${JSON.stringify({ data })}`,
    );
  }

  async all(): Promise<readonly Keeper[]> {
    const pods = await podsOf({ app: "keeper", namespace: this.namespace });
    return pods.filter(({ isGoing }) => !isGoing).map((pod) => new Keeper(pod));
  }

  async named(name: string): Promise<Keeper> {
    const found = (await this.all()).find((one) => one.name === name);
    if (found === undefined) throw new Error(`There is no pod ${name}`);
    return found;
  }

  /** All are ready, and each sees the same members, as many. */
  oneCluster(size: number, limitMs = 60_000): Promise<readonly Keeper[]> {
    return eventually(
      `one cluster of ${size}`,
      async () => {
        const all = await this.all();
        if (all.length !== size || !all.every(({ isReady }) => isReady)) return undefined;
        const states = await Promise.all(all.map((one) => one.state()));
        const [first] = states;
        const same = states.every(({ agreed, members }) => agreed && String(members) === String(first?.members));
        return same && first?.members.length === size ? all : undefined;
      },
      limitMs,
    );
  }

  /** The pod that has the clerk, as the ledger's last entry says. */
  async holder(): Promise<Keeper> {
    return eventually("a pod with the clerk", async () => {
      const all = await this.all();
      const states = await Promise.all(all.map((one) => one.state()));
      return all.find(({ node }) => states.every(({ clerk }) => clerk === node));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.namespace[Symbol.asyncDispose]();
  }
}
