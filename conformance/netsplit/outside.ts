/** The way to what is outside, as a node has it. */
import { type LeaseRecord, type Leases, leaseIn } from "@interlock/cluster";
import type { Write } from "./ledger.ts";

export const LEASE_PORT = 7_001;
export const RESOURCE_PORT = 7_002;

/** For the lease: less than the holder has to renew it. */
const LEASE_MS = 800;
const LIMIT_MS = 5_000;

export class Outside implements Leases {
  readonly #host: string;

  constructor(host: string) {
    this.#host = host;
  }

  lease(name: string): ReturnType<typeof leaseIn> {
    return leaseIn(name, {
      read: () => this.#ask<LeaseRecord>(LEASE_PORT, "read", { name }),
      replace: (record, over) => this.#ask<LeaseRecord>(LEASE_PORT, "replace", { name, record, over }),
    });
  }

  /** @returns whether the resource has taken it. */
  async write(write: Write, signal?: AbortSignal): Promise<boolean> {
    return (await this.#ask<boolean>(RESOURCE_PORT, "write", write, signal)) === true;
  }

  async setRow(key: string, value: string): Promise<void> {
    await this.#ask(RESOURCE_PORT, "setRow", { key, value });
  }

  async row(key: string): Promise<string> {
    return (await this.#ask<string>(RESOURCE_PORT, "row", { key })) ?? "";
  }

  async #ask<T>(port: number, operation: string, body: object, ended?: AbortSignal): Promise<T | undefined> {
    const limit = AbortSignal.timeout(port === LEASE_PORT ? LEASE_MS : LIMIT_MS);
    const response = await fetch(`http://${this.#host}:${port}/${operation}`, {
      method: "POST",
      body: JSON.stringify(body),
      // A connection of its own: what was cut is not waited for the next time.
      headers: { connection: "close" },
      signal: ended === undefined ? limit : AbortSignal.any([limit, ended]),
    });
    return ((await response.json()) as T | null) ?? undefined;
  }
}
