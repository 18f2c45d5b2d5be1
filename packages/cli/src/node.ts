/** The program of the node that `interlock dev` starts: loads the entry, as `interlock run` does. */
import { runEntry } from "./commands/run.ts";

const { INTERLOCK_ENTRY: entry } = process.env;
if (entry !== undefined) await runEntry(entry);
