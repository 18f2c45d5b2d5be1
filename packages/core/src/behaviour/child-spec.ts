/** How a supervisor starts, restarts and stops a child. @see supervisor:child_spec() */
import { badArgument } from "../errors.ts";
import type { Name } from "../naming/name.ts";
import { join } from "../process/link.ts";
import { Envelope, type MailboxOptions, SIGNAL } from "../process/mailbox.ts";
import { LocalPid, type Pid } from "../process/pid.ts";
import type { Process } from "../process/process.ts";
import { type GenBody, type Started, startGen } from "./gen.ts";

/** `permanent`: always restarted. `transient`: after an abnormal end. `temporary`: never. */
export type Restart = "permanent" | "transient" | "temporary";

export interface ChildOptions {
  /** Default: the module's name. */
  readonly id?: string;
  readonly name?: Name;
  /** Default `"permanent"`. */
  readonly restart?: Restart;
  /** Milliseconds between `"shutdown"` and `"kill"`. Default 5 000 for workers, `"infinity"` for supervisors. */
  readonly shutdownMs?: number | "infinity" | "brutal_kill";
  /** With `autoShutdown`: its end may end the supervisor. */
  readonly significant?: boolean;
  readonly mailbox?: MailboxOptions;
}

export interface ChildSpec extends Omit<ChildOptions, "name" | "mailbox"> {
  readonly id: string;
  /** Starts the child, linked to the caller. `ignored` when it does not want to run. */
  readonly start: () => Promise<{ readonly pid: Pid } | { readonly ignored: true }>;
  readonly type?: "worker" | "supervisor";
  readonly modules?: readonly string[];
}

/** A spec of one of our own behaviours: started without a promise when its init is synchronous. */
export interface BodySpec extends ChildSpec {
  readonly body: GenBody;
  readonly args: readonly unknown[];
  readonly name: Name | undefined;
  readonly mailbox: MailboxOptions | undefined;
}

export function childSpec(
  body: GenBody,
  label: string,
  args: readonly unknown[],
  options: ChildOptions = {},
  type: "worker" | "supervisor" = "worker",
): BodySpec {
  const { id = label, mailbox, name, ...rest } = options;
  return {
    ...rest,
    id,
    type,
    modules: [label],
    body,
    args,
    name,
    mailbox,
    start: async () => {
      throw badArgument("spec.start", id, "called by a supervisor");
    },
  };
}

/** Starts what `spec` describes as a child of `parent`. */
export function startChildOf(spec: ChildSpec, parent: Process): Started | Promise<Started> {
  if ("body" in spec) {
    const { args, body, mailbox, name } = spec as BodySpec;
    return startGen(body, args, { linked: true, parent, name, mailbox });
  }
  return Promise.resolve(spec.start()).then((started) => {
    if (typeof started === "object" && started !== null && "ignored" in started) return { ignored: true };
    const pid: unknown = (started as Partial<{ pid: unknown }> | undefined)?.pid;
    if (!(pid instanceof LocalPid))
      throw badArgument(`what start of child ${spec.id} gives`, started, "{ pid } or { ignored: true }");
    // One that has ended already, or was started without a link, would never be heard of.
    if (pid.process !== undefined) join(parent, pid.process);
    else parent.deliver(new Envelope(SIGNAL, { type: "EXIT", from: pid, reason: "noproc" }, undefined));
    return { pid };
  });
}
