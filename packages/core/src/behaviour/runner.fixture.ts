/** A process that runs what a test hands it, so that a test can say who does what. */
import type { Pid } from "../process/pid.ts";
import type { ServerRef } from "./client.ts";
import { genServer, type None } from "./gen-server.ts";
import { noreply, reply } from "./reply.ts";

export interface Runner {
  readonly pid: Pid;
  /** Runs `job` as this process. What it throws ends the process. */
  run<T>(job: () => T | Promise<T>): Promise<T>;
  stop: ServerRef<None, None, never>["stop"];
}

const server = genServer({
  name: "runner",
  init: (): null => null,
  calls: {
    run(_ctx, job: () => unknown) {
      const result = job();
      return result instanceof Promise ? result.then((value: unknown) => reply(value)) : reply(result);
    },
  },
  info: () => noreply(),
});

export async function startRunner(): Promise<Runner> {
  const ref = await server.start();
  return {
    pid: ref.pid,
    run: (job) => ref.with({ timeoutMs: Number.POSITIVE_INFINITY }).call.run(job) as never,
    stop: (reason, timeoutMs) => ref.stop(reason, timeoutMs),
  };
}
