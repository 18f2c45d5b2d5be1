/**
 * What a launcher leaves for the commands `interlock nodes`, `ps` and the like: where its nodes are, and their cookie. In a
 * folder and a file that only whoever started it may read; gone with the launcher, or, if that was killed, when a command next
 * looks for it.
 */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

export interface LauncherFacts {
  readonly app: string;
  /** Of the launcher itself. */
  readonly pid: number;
  readonly cookie: string;
  readonly epmd: { readonly host: string; readonly port: number };
  /** Of its control server. */
  readonly url: string;
  readonly token: string;
}

const OWN_FOLDER = 0o700;
const OWN_FILE = 0o600;

/** `$XDG_STATE_HOME/interlock/launchers`, else below `~/.local/state`. */
function folderOf(environment: Readonly<Record<string, string | undefined>>): string {
  return join(environment["XDG_STATE_HOME"] || join(homedir(), ".local", "state"), "interlock", "launchers");
}

export function launcherFile(pid: number): string {
  return join(folderOf(process.env), `${pid}.json`);
}

/** @returns what takes it away. Rejects as `node:fs` does. */
export async function leaveLauncherFile(facts: LauncherFacts): Promise<() => Promise<void>> {
  const path = launcherFile(facts.pid);
  await mkdir(dirname(path), { recursive: true, mode: OWN_FOLDER });
  // One of an earlier program of that number; written over, it would keep the permissions that it has.
  await rm(path, { force: true });
  await writeFile(path, JSON.stringify(facts), { mode: OWN_FILE, flag: "wx" });
  return () => rm(path, { force: true });
}

/**
 * The launchers that may run here, as whoever asks: a program has the number of each, and its control server alone can say
 * whether it is that program.
 */
export async function launchers(): Promise<readonly LauncherFacts[]> {
  const folder = folderOf(process.env);
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const found = await Promise.all(
    names
      .filter((name) => /^\d+\.json$/.test(name))
      .map(async (name) => {
        const path = join(folder, name);
        if (isRunning(Number(name.slice(0, -".json".length))))
          return factsIn(await readFile(path, "utf8").catch(() => ""));
        await rm(path, { force: true });
        return undefined;
      }),
  );
  return found.filter((one) => one !== undefined);
}

/** Undefined: it is being written, or taken away. */
function factsIn(text: string): LauncherFacts | undefined {
  try {
    return JSON.parse(text) as LauncherFacts;
  } catch {
    return undefined;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // A program of somebody else's (EPERM) is none either: the file is of whoever asks.
    return false;
  }
}
