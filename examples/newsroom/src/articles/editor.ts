/**
 * The editor: gives every article its number, and so there is exactly one in the whole town, whichever node it works on. It
 * holds a lease; the archive sees its token with everything that it prints, and refuses that of an editor who was replaced.
 */
import { setTimeout as delay } from "node:timers/promises";
import { type Leases, type Singleton, singleton } from "@interlock/cluster";
import { genServer, reply, stop } from "@interlock/core";
import { isBeingRestarted } from "../being-restarted.ts";
import { asRefusal } from "../http/refusal.ts";
import type { Draft, Printed } from "./article.ts";
import { archive, noArchive } from "./articles.ts";
import { announceEdition, headlines, longestList } from "./paper.ts";

interface Desk {
  readonly token: number;
  /** The number of the next new article, once the archive was asked for it. */
  readonly next: number | undefined;
}

/** The lease of an editor who was killed is free after so long. */
const lease = { durationMs: 4_000, renewDeadlineMs: 2_600, retryMs: 600 };
/** For so long a reporter waits for an editor to be in office. */
const patienceMs = 15_000;
const againMs = 150;

const Editor = genServer({
  name: "editor",

  init: (token: number): Desk => ({ token, next: undefined }),

  calls: {
    /** Prints what is not in the paper yet. May be asked again with the same drafts: nothing is printed twice. */
    async print({ state: { next, token } }, drafts: readonly Draft[]) {
      try {
        const first = next ?? (await archive().call.nextNumber());
        const printed = await archive().with({ timeoutMs: patienceMs }).call.print(drafts, { token, first });
        // Somebody else is the editor, or was: what this one knows is worth nothing any more.
        if ("refused" in printed) return stop({ shutdown: printed.refused });
        const fresh = printed.filter((one: Printed) => one.fresh).length;
        if (fresh > 0) await announce(first + fresh - 1);
        return reply<readonly Printed[] | "no_archive", Desk>(printed, { token, next: first + fresh });
      } catch (error) {
        // No fault of the editor's; whether anything was printed the archive will say.
        if (asRefusal(error)?.status !== 503) throw error;
        return reply<readonly Printed[] | "no_archive", Desk>("no_archive", { token, next: undefined });
      }
    },
  },
});

/** Brings the new edition to every node, and then tells the readers. */
async function announce(newest: number): Promise<void> {
  headlines.set("latest", await archive().call.latest(longestList));
  announceEdition(newest);
}

export function editorWith(leases: Leases): Singleton {
  return singleton({ name: "editor", server: Editor, args: (token) => [token], leases, ...lease });
}

/** Has the editor print the drafts, whoever that is by then: while one is being replaced, reporters wait. */
export async function handIn(editor: Singleton, drafts: readonly Draft[]): Promise<readonly Printed[]> {
  for (const since = performance.now(); ; await delay(againMs)) {
    try {
      const printed = await Editor.at(editor).with({ timeoutMs: patienceMs }).call.print(drafts);
      if (printed !== "no_archive") return printed;
      if (performance.now() - since > patienceMs) throw noArchive();
    } catch (error) {
      if (!isBeingRestarted(error) || performance.now() - since > patienceMs) throw error;
    }
  }
}
