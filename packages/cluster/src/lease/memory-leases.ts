/** Leases within one program: for tests, and for a program that runs alone. */
import { type LeaseCell, type LeaseRecord, type Leases, leaseIn } from "./lease.ts";

/**
 * Leases that the nodes of one program share, as tests of clusters have them.
 *
 * @example
 * const lease = memoryLeases().lease("printer");
 * const { granted, record } = await lease.acquire({ holder: "a@10.0.0.1", durationMs: 15_000 }, await lease.read());
 * console.log(granted, record?.token); // true 1
 * if (record !== undefined) console.log(await lease.release(record)); // true
 */
export function memoryLeases(): Leases {
  const cells = new Map<string, MemoryCell>();
  return {
    lease: (name) => {
      const cell = cells.get(name) ?? new MemoryCell();
      cells.set(name, cell);
      return leaseIn(name, cell);
    },
  };
}

class MemoryCell implements LeaseCell {
  #record: LeaseRecord | undefined;
  #versions = 0;
  readonly #watchers = new Set<() => void>();

  async read(): Promise<LeaseRecord | undefined> {
    return this.#record;
  }

  async replace(record: Omit<LeaseRecord, "version">, over: LeaseRecord | undefined): Promise<LeaseRecord | undefined> {
    if (this.#record?.version !== over?.version) return undefined;
    this.#record = { ...record, version: String(++this.#versions) };
    for (const changed of [...this.#watchers]) changed();
    return this.#record;
  }

  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => this.#watchers.delete(changed);
  }
}
