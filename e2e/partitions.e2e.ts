/**
 * Machines that do not hear each other, or stand still, or lose their power. The ledger is reached by all that have a network at
 * all, so a clerk that goes on too long is heard there. E2E_SAMPLES says how often each disaster comes.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { type Aftermath, type Disaster, undergo } from "./failures/disaster.ts";
import { describeOnMachines } from "./failures/machines.ts";

const HEALED_MS = 30_000;
/** Until its endpoints are taken out of Services: the fixture's K8S_GRACE of 12 s, and some. */
const KUBERNETES_NOTICES_MS = 15_000;
const samples = Number(process.env["E2E_SAMPLES"] ?? 1);

interface Row extends Disaster {
  /** Whether the clerk has to move. Where it is left open, that depends on which side has the cluster's Lease. */
  readonly moves?: boolean;
  /** The planted writer goes down with its machine. */
  readonly sinks?: boolean;
  /** The losing side runs no program that could be asked. */
  readonly isSilent?: boolean;
}

const cutFrom = (one: string, others: readonly string[]): string[][] =>
  others.map((other) => ["partition", one, other]);
const heal = () => [["heal"]];

// Kubernetes evicts pods of a machine that it does not hear of for 12 s and 30 s more: what cuts that off is over before.
const rows: readonly Row[] = [
  {
    name: "two machines are cut from each other",
    begin: (clerks, [other]) => cutFrom(clerks, [other]),
    end: heal,
    holdMs: 40_000,
  },
  {
    name: "the clerk's machine is cut from its peers, and reaches the Lease",
    begin: (clerks, others) => cutFrom(clerks, others),
    end: heal,
    holdMs: 40_000,
    moves: true,
  },
  {
    name: "the clerk's machine is cut from its peers and from the API server",
    begin: (clerks, others) => cutFrom(clerks, [...others, "control-plane"]),
    end: heal,
    holdMs: 30_000,
    moves: true,
  },
  {
    name: "the cable of the clerk's machine is pulled",
    begin: (clerks) => [["cut", clerks]],
    end: (clerks) => [["plug", clerks]],
    holdMs: 30_000,
    moves: true,
  },
  {
    name: "the clerk's machine stands still",
    begin: (clerks) => [["freeze", clerks]],
    end: (clerks) => [["thaw", clerks]],
    holdMs: 25_000,
    moves: true,
    isSilent: true,
  },
  {
    name: "the clerk's machine loses its power",
    begin: (clerks) => [["kill", clerks]],
    end: (clerks) => [["start", clerks]],
    holdMs: 30_000,
    moves: true,
    isSilent: true,
    sinks: true,
    hasVisitors: true,
  },
];

describeOnMachines("a partition", () => {
  describe.each(rows.flatMap((row) => Array.from({ length: samples }, (_, sample) => ({ ...row, sample }))))(
    "$name ($sample)",
    (row) => {
      let seen: Aftermath;
      beforeAll(async () => {
        seen = await undergo(row);
      });

      test("no stale write is accepted, and that of the planted writer is refused", () => {
        expect(seen.staleAccepted).toEqual([]);
        if (row.moves === true && row.sinks !== true) expect(seen.plantedRefused).toBeGreaterThan(0);
      });
      test("the clerk goes on, on one machine", () => {
        if (row.moves !== undefined) expect(seen.movedMs !== undefined).toBe(row.moves);
        expect(seen.owners).toBeLessThanOrEqual(2);
      });
      if (row.isSilent !== true)
        test("the losing side says that it is not ready, and only that", () => {
          const [clerks, first, second] = seen.losing;
          if (row.moves === true) expect([clerks !== undefined, first]).toEqual([true, undefined]);
          else expect([clerks, first].filter((one) => one !== undefined)).toHaveLength(1);
          expect(second).toBeUndefined();
        });
      test("no pod exits more than once", () => {
        expect(Math.max(...seen.restarts)).toBeLessThanOrEqual(1);
      });
      test("it is one cluster again within 30 s", () => {
        expect(seen.healedMs).toBeLessThanOrEqual(HEALED_MS);
      });
      if (row.hasVisitors === true)
        // But for what no pod can help: a kubelet that begins anew may say of pods that they are ready before it has asked them
        // (kubernetes/kubernetes#142305, KEP-4781), so the machine that comes back refuses visitors until its pod runs.
        test("after 15 s no visitor is lost", () => {
          expect(seen.lostAtMs.length).toBeGreaterThan(0);
          expect(seen.lostAtMs.filter((ms) => ms > KUBERNETES_NOTICES_MS)).toEqual([]);
        });
    },
  );
});
