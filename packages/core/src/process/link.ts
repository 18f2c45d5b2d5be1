/** Links: two-way, at most one between two processes. @see erlang:link/1 */
import { InterlockError } from "../errors.ts";
import { Envelope, SIGNAL } from "./mailbox.ts";
import { add, has, remove } from "./one-or-many.ts";
import type { LocalPid } from "./pid.ts";
import { type Process, TRAP_EXIT } from "./process.ts";
import type { Exit } from "./signal.ts";

export function link(self: Process, other: LocalPid): void {
  if (other === self.pid) return; // OTP: true and harmless.
  const target = other.process;
  if (target === undefined) {
    const { route } = other.home;
    if (route !== undefined) {
      if (has(self.links, other)) return;
      self.links = add(self.links, other);
      route.link(self.pid, other);
      return;
    }
    if ((self.flags & TRAP_EXIT) === 0)
      throw new InterlockError("INTERLOCK_NOPROC", `Cannot link to ${other}: there is no such process`, {
        target: other.toString(),
      });
    const message: Exit = { type: "EXIT", from: other, reason: "noproc" };
    self.deliver(new Envelope(SIGNAL, message, undefined));
    return;
  }
  join(self, target);
}

/** Both sides at once: a local link is never half there. */
export function join(one: Process, other: Process): void {
  one.links = add(one.links, other.pid);
  other.links = add(other.links, one.pid);
}

/** After this returns no EXIT of that link comes; one that is in the mailbox already stays. */
export function unlink(self: Process, other: LocalPid): void {
  if (!has(self.links, other)) return;
  self.links = remove(self.links, other);
  const target = other.process;
  if (target !== undefined) target.links = remove(target.links, self.pid);
  else other.home.route?.unlink(self.pid, other);
}
