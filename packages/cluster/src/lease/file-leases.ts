/**
 * Leases in a folder, for several programs on one machine. Every version of a lease is a file of its own, `name.7.lease`, made
 * whole and never changed:
 *
 *     the lease is the file of the highest number      replacing version 7 is creating the file of version 8
 *
 * Of those who race for 8 one creates it. Who is so late that 8 has come and was cleared away creates it again, and then finds
 * a higher one: the highest is never removed. What a program leaves behind when it is killed is an unfinished file that nobody
 * reads, cleared away with its version.
 */
import { ClusterError } from "../errors.ts";
import { type LeaseFiles, nodeLeaseFiles } from "../ports.ts";
import { type LeaseCell, type LeaseRecord, type Leases, leaseIn } from "./lease.ts";

export interface FileLeasesOptions {
  /** Made if there is none. On a file system of this machine: it needs hard links. */
  readonly folder: string;
  readonly files?: LeaseFiles;
}

/**
 * Leases that the programs of one machine share, in files. They survive all programs, and whichever is killed.
 *
 * **Errors** `INTERLOCK_LEASE`, of the leases' methods: what the files say could not be read.
 *
 * @example
 * const lease = fileLeases({ folder: `/tmp/interlock-leases-${process.pid}` }).lease("printer");
 * const { granted, record } = await lease.acquire({ holder: "a@127.0.0.1", durationMs: 15_000 }, await lease.read());
 * console.log(granted, record?.token, (await lease.read())?.holder); // true 1 a@127.0.0.1
 */
export function fileLeases({ files = nodeLeaseFiles, folder }: FileLeasesOptions): Leases {
  return { lease: (name) => leaseIn(name, new FileCell(name, folder, files)) };
}

type Content = Omit<LeaseRecord, "version">;

class FileCell implements LeaseCell {
  readonly #name: string;
  readonly #prefix: string;
  readonly #folder: string;
  readonly #files: LeaseFiles;

  constructor(name: string, folder: string, files: LeaseFiles) {
    this.#name = name;
    // No name leads out of the folder, or begins as another one does: the encoded form has no dot left.
    this.#prefix = `${encodeURIComponent(name).replaceAll(".", "%2E")}.`;
    this.#folder = folder;
    this.#files = files;
  }

  async read(): Promise<LeaseRecord | undefined> {
    for (;;) {
      const { highest } = await this.#list();
      if (highest === 0) return undefined;
      const text = await this.#try("read", () => this.#files.read(this.#path(highest)));
      // Cleared away meanwhile: there is a higher one.
      if (text !== undefined) return { ...this.#parse(text), version: String(highest) };
    }
  }

  async replace(
    { durationMs, holder, token }: Content,
    over: LeaseRecord | undefined,
  ): Promise<LeaseRecord | undefined> {
    const version = Number(over?.version ?? 0) + 1;
    if ((await this.#list()).highest !== version - 1) return undefined;
    const text = JSON.stringify({ holder: holder ?? null, token, durationMs });
    if (!(await this.#try("write", () => this.#files.create(this.#path(version), text)))) return undefined;
    const { highest, old } = await this.#list();
    // Also when it was the lease for a moment: whoever has gone on from there cannot be taken back.
    if (highest !== version) return undefined;
    // The next one does it if this fails.
    await Promise.allSettled(old.map((name) => this.#files.remove(`${this.#folder}/${name}`)));
    return { holder, token, durationMs, version: String(version) };
  }

  watch(changed: () => void): () => void {
    let end: (() => void) | undefined;
    let isOver = false;
    const begin = async (): Promise<void> => {
      await this.#list(); // Makes the folder.
      if (!isOver) end = this.#files.watch(this.#folder, changed);
    };
    // Without it, changes are found by reading, which says what is wrong.
    begin().catch(() => undefined);
    return () => {
      isOver = true;
      end?.();
    };
  }

  /** The highest version, 0 if there is none, and the files of lower ones. */
  async #list(): Promise<{ readonly highest: number; readonly old: readonly string[] }> {
    const names = await this.#try("list", () => this.#files.list(this.#folder));
    const ours = names.filter((name) => name.startsWith(this.#prefix));
    const versionOf = (name: string): number => Number(name.slice(this.#prefix.length).split(".", 1)[0]);
    const highest = Math.max(0, ...ours.filter((name) => name.endsWith(".lease")).map(versionOf));
    return { highest, old: ours.filter((name) => versionOf(name) < highest) };
  }

  #path(version: number): string {
    return `${this.#folder}/${this.#prefix}${version}.lease`;
  }

  #parse(text: string): Content {
    let content: unknown;
    try {
      content = JSON.parse(text);
    } catch {
      // Said below: it is no record.
    }
    const { durationMs, holder, token } = (content ?? {}) as Record<string, unknown>;
    if ((typeof holder === "string" || holder === null) && Number.isInteger(token) && typeof durationMs === "number")
      return { holder: holder ?? undefined, token: token as number, durationMs };
    throw this.#error(`its file holds no record: ${text.slice(0, 80)}`);
  }

  async #try<T>(what: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (cause) {
      throw this.#error(`cannot ${what}: ${(cause as Error).message}`, { cause });
    }
  }

  #error(problem: string, options?: ErrorOptions): ClusterError<"INTERLOCK_LEASE"> {
    const message = `Lease ${JSON.stringify(this.#name)} in ${this.#folder}: ${problem}`;
    return new ClusterError("INTERLOCK_LEASE", message, { lease: this.#name, problem }, options);
  }
}
