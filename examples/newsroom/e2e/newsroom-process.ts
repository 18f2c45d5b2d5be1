/** The newsroom as an operating-system process of its own, as its users run it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export interface RunningNewsroom {
  /** Without a slash at the end. */
  readonly url: string;
  /** What it wrote to stderr so far: crash reports, mostly. */
  log(): string;
  /** Sends the signal and answers the exit code, or the signal that ended it. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null>;
}

/** One that stands alone, on a free port. Resolves when it is open. */
export function startNewsroom(dataDirectory: string): Promise<RunningNewsroom> {
  return start("../src/main.ts", / is open at (http:\/\/\S+)\//, dataDirectory);
}

/** Three nodes behind one address, as `npm start` does it. Resolves when all of them are open. */
export function startTown(dataDirectory: string, env?: Readonly<Record<string, string>>): Promise<RunningNewsroom> {
  return start("../src/start.ts", / newsroom {2}3 nodes at (http:\/\/\S+)/, dataDirectory, env);
}

async function start(entry: string, announced: RegExp, dataDirectory: string, env = {}): Promise<RunningNewsroom> {
  const main = fileURLToPath(new URL(entry, import.meta.url));
  const child = spawn(process.execPath, ["--conditions=@interlock/source", main], {
    env: { ...process.env, PORT: "0", HOST: "127.0.0.1", NEWSROOM_DATA: dataDirectory, NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  const url = await openedAt(child, announced, () => log);
  return {
    url,
    log: () => log,
    async end(signal) {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode ?? child.signalCode;
      const exited = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
      child.kill(signal);
      const [code, bySignal] = await exited;
      return code ?? bySignal;
    },
  };
}

async function openedAt(child: ChildProcess, announced: RegExp, log: () => string): Promise<string> {
  let said = "";
  const url = new Promise<string>((resolve, reject) => {
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      const found = announced.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once("exit", (code) =>
      reject(new Error(`The newsroom ended with ${code} before it was open.\n${said}${log()}`)),
    );
  });
  return await url;
}
