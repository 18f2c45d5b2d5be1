/** Names on one node: at most one process a name, one name a process. @see erlang:register/2 */
import { badArgument, InterlockError } from "../errors.ts";
import type { LocalNode } from "../node.ts";
import type { LocalPid } from "../process/pid.ts";

/** OTP reserves it: `whereis` gives it for "nobody". */
const RESERVED = "undefined";

export function register(node: LocalNode, name: string, pid: LocalPid): void {
  if (typeof name !== "string" || name === "" || name === RESERVED)
    throw badArgument("name", name, `a non-empty string other than ${JSON.stringify(RESERVED)}`);
  const process = pid.process;
  if (process === undefined)
    throw new InterlockError("INTERLOCK_NOPROC", `Cannot register ${name}: ${pid} has ended`, {
      target: pid.toString(),
    });
  const holder = node.names.get(name);
  if (holder !== undefined)
    throw new InterlockError("INTERLOCK_NAME_TAKEN", `Cannot register ${name} for ${pid}: ${holder.pid} has it`, {
      name,
      pid: holder.pid,
    });
  const had = process.extras?.name;
  if (had !== undefined)
    throw new InterlockError("INTERLOCK_ALREADY_NAMED", `Cannot register ${name} for ${pid}: it is called ${had}`, {
      pid: pid.toString(),
      name: had,
    });
  node.names.set(name, process);
  process.more().name = name;
}

export function unregister(node: LocalNode, name: string): void {
  const holder = node.names.get(name);
  if (holder === undefined) throw badArgument("name", name, "a registered name");
  node.names.delete(name);
  if (holder.extras !== undefined) holder.extras.name = undefined;
}
