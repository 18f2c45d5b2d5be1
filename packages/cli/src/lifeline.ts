/**
 * Loaded into every node of a launcher before its own program, in a thread of its own: when the launcher is gone, however
 * it went, the node is told to end as anybody would tell it, and is killed after its grace. Even a node whose main thread
 * hangs is not left behind. The lifeline is a pipe that nobody writes to: the kernel closes it with the launcher.
 */
import { Socket } from "node:net";
import { isMainThread, Worker, workerData } from "node:worker_threads";

interface Lifeline {
  readonly lifelineFd: number;
  readonly graceMs: number;
}

const VARIABLE = "INTERLOCK_LIFELINE";

/** Workers of the node's own load this module as well: they are given nothing of the kind. */
const given = workerData as Partial<Lifeline> | null;
if (isMainThread) watchFromThread();
else if (given?.lifelineFd !== undefined) watch(given as Lifeline);

function watchFromThread(): void {
  const [fd, graceMs] = (process.env[VARIABLE] ?? "").split(":").map(Number);
  if (fd === undefined || graceMs === undefined) return;
  // The lifeline is this process' own, not of those that it starts.
  delete process.env[VARIABLE];
  // Who printed for the launcher prints for nobody once it is gone, and shall not fail on its way out because of that.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  const lifeline: Lifeline = { lifelineFd: fd, graceMs };
  new Worker(new URL(import.meta.url), { workerData: lifeline, execArgv: [], stdin: false }).unref();
}

function watch({ graceMs, lifelineFd }: Lifeline): void {
  const line = new Socket({ fd: lifelineFd, readable: true, writable: false });
  line.on("error", () => line.destroy());
  line.once("close", () => {
    setTimeout(() => process.kill(process.pid, "SIGKILL"), graceMs);
    process.kill(process.pid, "SIGTERM");
  });
  line.resume();
}
