/** The same child several times, one for each partition of the keys. @see https://hexdocs.pm/elixir/PartitionSupervisor.html */
import type { ChildOptions, ChildSpec } from "../behaviour/child-spec.ts";
import type { Start } from "../behaviour/start.ts";
import { badArgument, InterlockError } from "../errors.ts";
import { local, type Name, NameBase, nameBase } from "../naming/name.ts";
import type { LocalNode } from "../node.ts";
import type { LocalPid, Pid } from "../process/pid.ts";
import type { Process } from "../process/process.ts";
import type { RestartLimits } from "./flags.ts";
import { refAt, type SupervisorRef, supervisor } from "./supervisor.ts";

export interface PartitionSupervisorOptions extends RestartLimits {
  /** Registered under this name; keys are routed through it. */
  readonly name: string;
  /** Default 4. */
  readonly partitions?: number;
}

export interface PartitionSupervisor extends Start<[], SupervisorRef> {
  /** The child that serves `key`: numbers by remainder, everything else by hash. */
  via(key: unknown): Name;
  /** How many partitions run. */
  partitions(): Promise<number>;
  /** Starts or stops partitions until `count` run. */
  resize(count: number): Promise<void>;
  at(target: Pid | Name): SupervisorRef;
  child(args: readonly [], options?: ChildOptions): ChildSpec;
}

class PartitionName extends NameBase {
  readonly #supervisor: Name;
  readonly #key: unknown;

  constructor(supervisorName: Name, key: unknown) {
    super();
    this.#supervisor = supervisorName;
    this.#key = key;
  }

  whereis(node: LocalNode): LocalPid | undefined {
    const process = nameBase(this.#supervisor).whereis(node)?.process;
    // Without a state it is still starting its partitions.
    if (process?.state === undefined) throw notRunning(this.#supervisor);
    const { byId } = process.state as { byId: ReadonlyMap<string, { readonly pid: LocalPid | undefined }> };
    return byId.get(String(partitionOf(this.#key, byId.size)))?.pid;
  }

  register(_process: Process): void {
    throw badArgument(
      "name",
      this.toString(),
      "a name that can be registered: partitions are named by their supervisor",
    );
  }

  unregister(_process: Process): void {
    // Nothing is registered.
  }

  toString(): string {
    return `${this.#supervisor}.via(${String(this.#key)})`;
  }
}

function notRunning(name: Name): InterlockError<"INTERLOCK_NOPROC"> {
  return new InterlockError("INTERLOCK_NOPROC", `The partition supervisor ${name} does not run`, {
    target: name.toString(),
  });
}

/** The partition of `key`: a number by its remainder, as in Elixir; other keys by FNV-1a of their text. */
function partitionOf(key: unknown, count: number): number {
  if (typeof key === "number" && Number.isInteger(key)) return Math.abs(key) % count;
  let hash = 0x811c9dc5;
  for (const character of String(key)) {
    hash ^= character.codePointAt(0) as number;
    hash = Math.imul(hash, 0x01000193);
  }
  return (hash >>> 0) % count;
}

/**
 * @example
 * const counters = partitionSupervisor((partition) => Counter.child([partition]), { name: "counters", partitions: 8 });
 * await counters.startLink();
 * await Counter.at(counters.via("user-17")).call.next();
 */
export function partitionSupervisor(
  child: (partition: number) => ChildSpec,
  options: PartitionSupervisorOptions,
): PartitionSupervisor {
  const { name, partitions: initial = 4, ...limits } = options;
  const checkCount = (count: number): number => {
    if (!Number.isInteger(count) || count < 1) throw badArgument("partitions", count, "a whole number, 1 or more");
    return count;
  };
  checkCount(initial);
  const registered = local(name);
  const partition = (index: number): ChildSpec => ({ ...child(index), id: String(index) });
  const underlying = supervisor({
    ...limits,
    name,
    strategy: "one_for_one",
    children: () => Array.from({ length: initial }, (_none, index) => partition(index)),
  });
  const running = async (): Promise<number> => (await refAt(registered).countChildren()).specs;
  return {
    ...underlying.named(registered),
    via: (key) => new PartitionName(registered, key),
    partitions: running,
    async resize(count) {
      checkCount(count);
      const sup = refAt(registered);
      const now = await running();
      for (let index = now; index < count; index++) await sup.startChild(partition(index));
      for (let index = now - 1; index >= count; index--) {
        await sup.terminateChild(String(index));
        await sup.deleteChild(String(index));
      }
    },
    at: refAt,
    child: (_args, given) => underlying.child([], { ...given, name: registered }),
  };
}
