/** What is handed over: one process a key, with the numbers that were written to it, in the order in which they came. */
import { ClusterError, type ClusterErrorCode, placement } from "@interlock/cluster";
import { type ErrorCode, genServer, InterlockError, reply } from "@interlock/core";

export interface Journal {
  readonly key: string;
  readonly entries: readonly number[];
}

const JournalServer = genServer({
  name: "journal",
  version: "1",
  init: (key: string): Journal => ({ key, entries: [] }),
  calls: {
    /** Writes a number, once: whoever is not sure that it was written writes it again. */
    write({ state }, number: number) {
      if (state.entries.includes(number)) return reply(state.entries.length);
      const entries = [...state.entries, number];
      return reply(entries.length, { ...state, entries });
    },
    read: ({ state }) => reply(state),
  },
});

export const journals = placement({
  name: "journals",
  server: JournalServer,
  args: (key: string) => [key],
  handoff: "move",
});

const passing: ReadonlySet<ErrorCode | ClusterErrorCode> = new Set([
  "INTERLOCK_NOPROC",
  "INTERLOCK_NOCONNECTION",
  "INTERLOCK_CALLEE_EXIT",
  "INTERLOCK_CALL_TIMEOUT",
  "INTERLOCK_MAILBOX_FULL",
]);

/** Whether a call failed only because its process is on its way from one node to another. */
export function isMoving(error: unknown): boolean {
  return (error instanceof InterlockError || error instanceof ClusterError) && passing.has(error.code);
}
