/** The same child several times, one for each partition of the keys. @see https://hexdocs.pm/elixir/PartitionSupervisor.html */
import type { ChildOptions, ChildSpec } from "../behaviour/child-spec.ts";
import type { Start } from "../behaviour/start.ts";
import { badArgument, InterlockError, isError } from "../errors.ts";
import { local, type Name, NameBase, nameBase, resolve } from "../naming/name.ts";
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
  /** Among how many partitions the keys are divided. */
  partitions(): Promise<number>;
  /** Starts or stops partitions until `count` run. */
  resize(count: number): Promise<void>;
  at(target: Pid | Name): SupervisorRef;
  child(args: readonly [], options?: ChildOptions): ChildSpec;
}

/** A child that is gone for good must not move the keys of the others: the count changes by `resize` alone. */
class PartitionCounts {
  readonly #initial: number;
  readonly #resized = new WeakMap<Process, number>();

  constructor(initial: number) {
    this.#initial = initial;
  }

  of(supervisor: Process): number {
    return this.#resized.get(supervisor) ?? this.#initial;
  }

  set(supervisor: Process, count: number): void {
    this.#resized.set(supervisor, count);
  }
}

class PartitionName extends NameBase {
  readonly #supervisor: Name;
  readonly #counts: PartitionCounts;
  readonly #key: unknown;

  constructor(supervisorName: Name, counts: PartitionCounts, key: unknown) {
    super();
    this.#supervisor = supervisorName;
    this.#counts = counts;
    this.#key = key;
  }

  whereis(node: LocalNode): LocalPid | undefined {
    const process = nameBase(this.#supervisor).whereis(node)?.process;
    // Without a state it is still starting its partitions.
    if (process?.state === undefined) throw notRunning(this.#supervisor);
    const { byId } = process.state as { byId: ReadonlyMap<string, { readonly pid: LocalPid | undefined }> };
    return byId.get(String(partitionOf(this.#key, this.#counts.of(process))))?.pid;
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

/** A temporary child is forgotten when it ends, and needs no stopping then. */
function ignoreGone(error: unknown): void {
  if (!(isError(error, "INTERLOCK_CHILD") && error.details.problem === "not_found")) throw error;
}

function notRunning(name: Name): InterlockError<"INTERLOCK_NOPROC"> {
  return new InterlockError("INTERLOCK_NOPROC", `The partition supervisor ${name} does not run`, {
    target: name.toString(),
  });
}

/** The partition of `key`: a number by its remainder, as in Elixir; other keys by FNV-1a of their text. */
export function partitionOf(key: unknown, count: number): number {
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
 * const Counter = genServer({
 *   name: "counter",
 *   init: (partition: number): { readonly n: number } => ({ n: partition * 1_000 }),
 *   calls: { next: ({ state }) => reply(state.n + 1, { n: state.n + 1 }) },
 * });
 * const tallies = partitionSupervisor((partition) => Counter.child([partition]), { name: "tallies", partitions: 8 });
 * await tallies.startLink();
 * console.log(await Counter.at(tallies.via(3)).call.next()); // 3001
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
  const counts = new PartitionCounts(initial);
  const running = (): Process => {
    const process = resolve(registered);
    if (process === undefined) throw notRunning(registered);
    return process;
  };
  return {
    ...underlying.named(registered),
    via: (key) => new PartitionName(registered, counts, key),
    partitions: async () => counts.of(running()),
    async resize(count) {
      checkCount(count);
      const process = running();
      const sup = refAt(process.pid);
      const before = counts.of(process);
      for (let index = before; index < count; index++) await sup.startChild(partition(index));
      // Keys go to children that run already, and to none that is about to be stopped.
      counts.set(process, count);
      for (let index = before - 1; index >= count; index--) {
        await sup.terminateChild(String(index)).catch(ignoreGone);
        await sup.deleteChild(String(index)).catch(ignoreGone);
      }
    },
    at: refAt,
    child: (_args, given) => underlying.child([], { ...given, name: registered }),
  };
}
