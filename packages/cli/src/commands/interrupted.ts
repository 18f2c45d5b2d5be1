/** Work that ends in order when somebody interrupts it. */
import { CliError } from "../errors.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Gives `body` a signal that a first Ctrl-C aborts, with `INTERLOCK_INTERRUPTED`; a second one ends the program as always. */
export async function untilSignalled<T>(body: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupted = new AbortController();
  const handler = (signal: NodeJS.Signals): void => {
    for (const one of SIGNALS) process.off(one, handler);
    interrupted.abort(new CliError("INTERLOCK_INTERRUPTED", `Interrupted by ${signal}`, { signal }));
  };
  for (const one of SIGNALS) process.on(one, handler);
  try {
    return await body(interrupted.signal);
  } finally {
    for (const one of SIGNALS) process.off(one, handler);
  }
}
