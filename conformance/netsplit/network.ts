/**
 * Machines with a network of their own, on one machine: a namespace for each host and one for the bridge between them. All
 * that is cut or made slow is so within these namespaces; the machine's own network is never touched. A namespace ends with
 * the program that holds it open, and that one with this program, however it ends.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Why there can be no such network here; undefined: there can. */
export function missingForNetworks(): string | undefined {
  if (process.platform !== "linux") return "network namespaces are Linux'";
  if (process.getuid?.() !== 0) return "network namespaces need root";
  const tools = ["unshare", "nsenter", "ip", "tc", "nft"].filter((tool) => spawnSync(tool, ["-V"]).error !== undefined);
  if (tools.length > 0) return `${tools.join(", ")} not found (Debian: apt-get install iproute2 nftables)`;
  const { status, stderr } = spawnSync("unshare", ["--net", "nft", "add", "table", "inet", "probe"], {
    encoding: "utf8",
  });
  return status === 0 ? undefined : `no network namespace with a packet filter can be made: ${stderr.trim()}`;
}

export interface Host {
  readonly name: string;
  readonly address: string;
}

/** What becomes of packets on their way: they vanish, or the sender is told that nobody is there. */
export type Cut = "drop" | "reset";

interface Namespace extends Host {
  readonly holder: ChildProcess;
  /** What the host does not let in, by the other host's name and the port. */
  readonly rules: Map<string, string>;
}

export class Network implements AsyncDisposable {
  readonly #bridge: ChildProcess;
  readonly #hosts = new Map<string, Namespace>();

  private constructor(bridge: ChildProcess) {
    this.#bridge = bridge;
  }

  static async make(names: readonly string[]): Promise<Network> {
    const network = new Network(await namespace());
    await within(network.#bridge, "ip", ["link", "add", "bridge", "type", "bridge"]);
    await within(network.#bridge, "ip", ["link", "set", "bridge", "up"]);
    for (const [at, name] of names.entries()) await network.#add(name, `10.77.0.${at + 1}`);
    return network;
  }

  async #add(name: string, address: string): Promise<void> {
    const holder = await namespace();
    this.#hosts.set(name, { name, address, holder, rules: new Map() });
    const port = portOf(name);
    const peer = ["peer", "name", "eth0", "netns", String(holder.pid)];
    await within(this.#bridge, "ip", ["link", "add", port, "type", "veth", ...peer]);
    await within(this.#bridge, "ip", ["link", "set", port, "master", "bridge", "up"]);
    await within(holder, "ip", ["link", "set", "lo", "up"]);
    await within(holder, "ip", ["address", "add", `${address}/24`, "dev", "eth0"]);
    await within(holder, "ip", ["link", "set", "eth0", "up"]);
  }

  host(name: string): Host {
    return this.#host(name);
  }

  /** The command that runs another one on that host. */
  command(on: string, command: string, args: readonly string[]): readonly [string, readonly string[]] {
    return entering(this.#host(on).holder, command, args);
  }

  /** Nothing gets from one to the other, or to that port of it and back, either way. */
  async cut(one: string, other: string, how: Cut = "drop", port?: number): Promise<void> {
    await this.cutOneWay(one, other, how, port && `tcp dport ${port}`);
    await this.cutOneWay(other, one, how, port && `tcp sport ${port}`);
  }

  async cutOneWay(from: string, to: string, how: Cut = "drop", match: string | number = ""): Promise<void> {
    // The reset itself must get through.
    const verdict = how === "drop" ? "drop" : "tcp flags & rst == 0 reject with tcp reset";
    await this.#filter(to, `${from} ${match}`, `ip saddr ${this.#host(from).address} ${match || ""} ${verdict}`);
  }

  /** Of what reaches the host, so many of a hundred packets are lost. */
  async lose(to: string, percent: number): Promise<void> {
    await this.#filter(to, "loss", `numgen random mod 100 < ${percent} drop`);
  }

  /** No more than so many kilobits a second leave the host: what is too much waits, for up to half a second. */
  async slow(from: string, kilobits: number): Promise<void> {
    const bucket = ["rate", `${kilobits}kbit`, "burst", "3000", "latency", "500ms"];
    await within(this.#host(from).holder, "tc", ["qdisc", "replace", "dev", "eth0", "root", "tbf", ...bucket]);
  }

  /** Pulls the cable. */
  async unplug(name: string): Promise<void> {
    await within(this.#bridge, "ip", ["link", "set", portOf(name), "down"]);
  }

  /** Everything is as at first. */
  async heal(): Promise<void> {
    for (const { holder, name, rules } of this.#hosts.values()) {
      await within(this.#bridge, "ip", ["link", "set", portOf(name), "up"]);
      await within(holder, "tc", ["qdisc", "del", "dev", "eth0", "root"]).catch(() => undefined); // There is none.
      rules.clear();
      await this.#apply(name);
    }
  }

  async #filter(on: string, key: string, rule: string): Promise<void> {
    this.#host(on).rules.set(key, rule);
    await this.#apply(on);
  }

  async #apply(name: string): Promise<void> {
    const { holder, rules } = this.#host(name);
    const hook = "type filter hook input priority 0";
    const chain = ["chain input {", hook, ...rules.values(), "}"].join("\n");
    // In one transaction: there is no moment without the rules of before.
    const script = ["table inet cuts", "delete table inet cuts", `table inet cuts {\n${chain}\n}`].join("\n");
    await within(holder, "nft", [script]);
  }

  #host(name: string): Namespace {
    const found = this.#hosts.get(name);
    if (found === undefined) throw new Error(`there is no host ${name}`);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const holders = [this.#bridge, ...[...this.#hosts.values()].map(({ holder }) => holder)];
    await Promise.all(
      holders.map(async (holder) => {
        const ended = once(holder, "exit");
        holder.stdin?.end();
        await ended;
      }),
    );
  }
}

function portOf(name: string): string {
  return `to-${name}`;
}

/** It lasts as long as its program, which reads until nobody can write to it any more. */
async function namespace(): Promise<ChildProcess> {
  const holder = spawn("unshare", ["--net", "sh", "-c", "echo ready; exec cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ready = once(holder.stdout, "data");
  await Promise.race([ready, once(holder, "exit").then(() => Promise.reject(new Error("unshare has failed")))]);
  return holder;
}

function entering(
  { pid }: ChildProcess,
  command: string,
  args: readonly string[],
): readonly [string, readonly string[]] {
  return ["nsenter", [`--net=/proc/${pid}/ns/net`, "--", command, ...args]];
}

async function within(holder: ChildProcess, command: string, args: readonly string[]): Promise<void> {
  await run(...entering(holder, command, args));
}
