/** Which lost connections of other nodes have been acted on: everyone passes the news on, so it comes many times. */
import type { NodeName } from "@interlock/core";
import type { Tag } from "./messages.ts";

/** OTP's: by then the news has reached everybody. */
const KEPT_MS = 60 * 60 * 1_000;

interface Loss {
  readonly creation: Tag;
  readonly number: Tag;
  readonly atMs: number;
}

export class ConnectionLosses {
  /** The oldest first. */
  readonly #seen = new Map<string, Loss>();

  /** @returns whether it is news that `node` has lost its connection to `lost`. */
  heard(node: NodeName, lost: NodeName, creation: Tag, number: Tag, nowMs: number): boolean {
    for (const [key, { atMs }] of this.#seen) {
      if (nowMs - atMs < KEPT_MS) break;
      this.#seen.delete(key);
    }
    const key = `${node} ${lost}`;
    const last = this.#seen.get(key);
    if (last?.creation === creation && number <= last.number) return false;
    this.#seen.delete(key);
    this.#seen.set(key, { creation, number, atMs: nowMs });
    return true;
  }
}
