/** What goes wrong between here and a registry, its credentials included. */
import { CliError } from "../errors.ts";

export interface Failed {
  readonly request: string;
  readonly problem: string;
  /** Of HTTP; undefined without an answer. */
  readonly status?: number | undefined;
  readonly cause?: unknown;
}

/** `cause` is shown to whoever asks for it: none whose text may hold a secret. */
export function registryFailure(
  registry: string,
  { cause, problem, request, status }: Failed,
): CliError<"INTERLOCK_REGISTRY"> {
  const details = { registry, request, status, problem };
  return new CliError("INTERLOCK_REGISTRY", `Registry ${registry}: ${request}: ${problem}`, details, { cause });
}
