/**
 * Functions that other nodes may call: an allow-list by module name; nothing else of this program is callable. On the wire
 * they are Erlang's: `erpc:call(Node, bank_reports, monthly, [2026, 11])`.
 */
import { ClusterError } from "../errors.ts";

// biome-ignore lint/suspicious/noExplicitAny: each function declares its own arguments
type AnyFunction = (...args: any[]) => unknown;
type Functions = Readonly<Record<string, AnyFunction>>;

export interface RemoteFunctions<F extends Functions> {
  readonly name: string;
  readonly functions: F;
}

export interface RemoteFunctionsOptions<F extends Functions> {
  /** The module's name, an atom on the wire. */
  readonly name: string;
  readonly functions: F;
  /** `exact`: arguments and results are Erlang's terms as they are. Default `natural`. */
  readonly terms?: "natural" | "exact";
}

export interface OfferedModule {
  readonly terms: "natural" | "exact";
  readonly functions: Functions;
}

const offered = new Map<string, OfferedModule>();

/**
 * Declares functions that other nodes of the cluster may call.
 *
 * **Errors** `INTERLOCK_NODE_OPTION` for a name that is taken.
 *
 * @example
 * const Reports = remoteFunctions({
 *   name: "bank_reports",
 *   functions: { monthly: (year: number, month: number) => `${year}-${month}: nothing` },
 * });
 * console.log(Reports.functions.monthly(2026, 11)); // 2026-11: nothing
 */
export function remoteFunctions<F extends Functions>(options: RemoteFunctionsOptions<F>): RemoteFunctions<F> {
  const { name, functions, terms = "natural" } = options;
  if (offered.has(name))
    throw new ClusterError("INTERLOCK_NODE_OPTION", `Remote functions ${name} are declared already`, {
      option: "remoteFunctions.name",
      got: name,
      expected: "a name that no other remote functions have",
    });
  offered.set(name, { functions, terms });
  return { name, functions };
}

/** What this package itself offers under a module's name of OTP's. */
export function offerModule(name: string, module: OfferedModule): void {
  if (!offered.has(name)) offered.set(name, module);
}

export function offeredModule(name: string): OfferedModule | undefined {
  return offered.get(name);
}

export function offeredFunction(module: OfferedModule | undefined, name: string): AnyFunction | undefined {
  if (module === undefined || !Object.hasOwn(module.functions, name)) return undefined;
  return module.functions[name];
}
