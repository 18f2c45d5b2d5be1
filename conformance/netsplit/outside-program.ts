/**
 * What is outside the cluster and survives it: a lease service, and a resource with a fence and a small database. Two ports,
 * so that a node may be cut from one of them and not from the other.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import type { LeaseRecord } from "@interlock/cluster";
import { serve } from "./control.ts";
import { Ledger, type Write } from "./ledger.ts";
import { LEASE_PORT, RESOURCE_PORT } from "./outside.ts";

const leases = new Map<string, LeaseRecord>();
let versions = 0;
const ledger = new Ledger();
const rows = new Map<string, string>();

const onLease: Operations = {
  read: ({ name }: { name: string }) => leases.get(name),
  replace({ name, over, record }: { name: string; over?: LeaseRecord; record: Omit<LeaseRecord, "version"> }) {
    if (leases.get(name)?.version !== over?.version) return undefined;
    const next = { ...record, version: String(++versions) };
    leases.set(name, next);
    return next;
  },
};

const onResource: Operations = {
  write(write: Write) {
    ledger.asked.push(write);
    return ledger.write(write);
  },
  setRow: ({ key, value }: { key: string; value: string }) => void rows.set(key, value),
  row: ({ key }: { key: string }) => rows.get(key),
};

type Operations = Readonly<Record<string, (body: never) => unknown>>;

/** POST /operation with JSON. */
async function answer(operations: Operations, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const body = (await json(request)) as never;
    const value = operations[(request.url ?? "").slice(1)]?.(body);
    response.end(JSON.stringify(value ?? null));
  } catch {
    response.destroy(); // It was given up, or cut.
  }
}

const listening = [
  [LEASE_PORT, onLease],
  [RESOURCE_PORT, onResource],
] as const;
await Promise.all(
  listening.map(([port, operations]) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    createServer((request, response) => void answer(operations, request, response)).listen(port, resolve);
    return promise;
  }),
);
serve({
  ready: () => undefined,
  writes: () => ({ accepted: ledger.accepted, asked: ledger.asked, refused: ledger.refused }),
  lease: (name: string) => leases.get(name),
});
