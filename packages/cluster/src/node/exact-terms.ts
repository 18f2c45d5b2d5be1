/** The exact profile, chosen by the process that wants it. */
import { InterlockError } from "@interlock/core";
import { callerOf } from "@interlock/core/distribution";
import { useTerms } from "./attached.ts";

/**
 * From now on what other nodes send reaches the calling process as Erlang's terms are: a binary is a `Binary`, 1.0 a
 * `Float`, `"abc"` a `Charlist`, `true` and `undefined` are atoms. Each goes back as the term that it was. What has arrived
 * before stays as it is, so call it first: in a server's `init`, or where a process begins.
 *
 * **Errors** `INTERLOCK_BAD_ARGUMENT` outside any process.
 *
 * @example
 * const Echo = genServer({
 *   name: "exact_echo",
 *   init: () => {
 *     exactTerms();
 *     return undefined;
 *   },
 *   calls: { echo: (_ctx, term: unknown) => reply(term) },
 * });
 * const echo = await Echo.start();
 * console.log(await echo.call.echo(1)); // 1
 */
export function exactTerms(): void {
  const { process } = callerOf().pid;
  if (process === undefined)
    throw new InterlockError("INTERLOCK_BAD_ARGUMENT", "exactTerms() was called outside any process", {
      argument: "exactTerms()",
      got: "a call outside any process",
      expected: "called by the code of a process",
    });
  useTerms(process);
}
