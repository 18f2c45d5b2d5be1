/** In which order applications start: what one needs comes before it. Pure. */
import { InterlockError } from "../errors.ts";

export interface Needs {
  /** What must run first. */
  readonly required: readonly string[];
  /** What is started first when it is known, and done without when it is not. */
  readonly optional: readonly string[];
}

/**
 * Everything that has to be started for `wanted`, in order, `wanted` included.
 *
 * @throws INTERLOCK_APPLICATION for an unknown name and for a cycle.
 */
export function startOrder(wanted: readonly string[], needsOf: (name: string) => Needs | undefined): readonly string[] {
  const order = new Set<string>();
  const visit = (name: string, path: readonly string[]): void => {
    if (order.has(name)) return;
    if (path.includes(name)) {
      const cycle = [...path.slice(path.indexOf(name)), name].join(" → ");
      throw applicationError(name, `cycle: ${cycle}`, `Applications need each other in a cycle: ${cycle}`);
    }
    const needs = needsOf(name);
    if (needs === undefined) {
      const by = path.at(-1);
      throw applicationError(
        name,
        "unknown",
        `Cannot start application ${name}${by === undefined ? "" : `, which ${by} needs`}: no application of that name has been made`,
      );
    }
    for (const one of needs.required) visit(one, [...path, name]);
    for (const one of needs.optional) if (needsOf(one) !== undefined) visit(one, [...path, name]);
    order.add(name);
  };
  for (const name of wanted) visit(name, []);
  return [...order];
}

export function applicationError(
  application: string,
  problem: string,
  message: string,
): InterlockError<"INTERLOCK_APPLICATION"> {
  return new InterlockError("INTERLOCK_APPLICATION", message, { application, problem });
}
