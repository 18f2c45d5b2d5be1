/**
 * Loaded into every node of a launcher before its own program. A thread of its own watches two things, so that it can even
 * when the main thread hangs. The lifeline, a pipe that nobody writes to and that the kernel closes with the launcher,
 * however that went: then the node is told to end as anybody would tell it, and killed after its grace. And the beats of
 * the main thread: when they stop, the node is killed at once, for the launcher to start it again.
 */
import { writeSync } from "node:fs";
import { Socket } from "node:net";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { beat, killProgram, watchBeats } from "@interlock/kubernetes/heartbeat";

interface Lifeline {
  readonly lifelineFd: number;
  readonly graceMs: number;
  /** Milliseconds without a beat; 0 does not look for them. */
  readonly hangMs: number;
  readonly beats: Int32Array;
}

const VARIABLE = "INTERLOCK_LIFELINE";
const STDERR_FD = 2;

// Workers of the node's own load this module as well; they are given nothing of the kind.
const given = workerData as Partial<Lifeline> | null;
if (isMainThread) startThread();
else if (given?.lifelineFd !== undefined) watch(given as Lifeline);

function startThread(): void {
  const [lifelineFd, graceMs, hangMs] = (process.env[VARIABLE] ?? "").split(":").map(Number);
  if (lifelineFd === undefined || graceMs === undefined || hangMs === undefined) return;
  // The lifeline is this process' own, not of those that it starts.
  delete process.env[VARIABLE];
  // Who printed for the launcher prints for nobody once it is gone, and shall not fail on its way out because of that.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  const data: Lifeline = { lifelineFd, graceMs, hangMs, beats: beat() };
  // Of the flags only those by which what is imported here is found.
  const execArgv = process.execArgv.filter((flag) => flag.startsWith("--conditions="));
  new Worker(new URL(import.meta.url), { workerData: data, execArgv }).unref();
}

function watch({ beats, graceMs, hangMs, lifelineFd }: Lifeline): void {
  const line = new Socket({ fd: lifelineFd, readable: true, writable: false });
  line.on("error", () => line.destroy());
  line.once("close", () => {
    setTimeout(killProgram, graceMs);
    process.kill(process.pid, "SIGTERM");
  });
  line.resume();
  if (hangMs === 0) return;
  watchBeats(beats, (missingMs) => {
    if (missingMs < hangMs) return;
    try {
      writeSync(STDERR_FD, `The main thread has not turned for ${hangMs} ms: this node is ended.\n`);
    } finally {
      // Also when nobody reads any more.
      killProgram();
    }
  });
}
