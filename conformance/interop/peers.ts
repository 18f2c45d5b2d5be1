/** The real peers of the interop tests: which Erlangs there are, and nodes of theirs and of ours as child processes. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import { Authority } from "../../packages/cluster/src/node/certificates.fixture.ts";

export const COOKIE = "a_cookie_of_the_interop_tests";

/** One installation of Erlang: the machine's own, or one in a root folder of its own (.ci/erlang-root), used by chroot. */
export interface Erlang {
  /** OTP's release, such as `25`. */
  readonly release: string;
  readonly root: string;
}

/** The machine's own, then that of INTEROP_ROOT. In CI none may be missing. */
export function erlangs(): { readonly found: readonly Erlang[]; readonly missing: readonly string[] } {
  const found: Erlang[] = [];
  const missing: string[] = [];
  const { CI, INTEROP_ROOT } = process.env;
  for (const root of INTEROP_ROOT === undefined ? ["/"] : ["/", INTEROP_ROOT]) {
    const release = run(root, "erl", ["-noshell", "-eval", "io:put_chars(erlang:system_info(otp_release)),halt()."]);
    if (release === undefined) missing.push(`erl is missing in ${root} (Debian: apt-get install erlang-nox)`);
    else found.push({ release, root });
  }
  if (CI !== undefined && missing.length > 0) throw new Error(`CI must not go without it: ${missing.join("; ")}`);
  return { found, missing };
}

/** As with Erlang: in CI it may not be missing. */
export function hasElixir({ root }: Erlang): boolean {
  const has = run(root, "elixir", ["--version"]) !== undefined;
  if (!has && process.env["CI"] !== undefined)
    throw new Error(`CI must not go without it: elixir is missing in ${root}`);
  return has;
}

function run(root: string, command: string, args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync(...within(root, command, args), { encoding: "utf8" });
  return status === 0 ? stdout : undefined;
}

function within(root: string, command: string, args: readonly string[]): [string, string[]] {
  return root === "/" ? [command, [...args]] : ["chroot", [root, command, ...args]];
}

const DUMP = "erl_crash.dump";

/** Compiles the checks into a folder that `erlang` sees; there are certificates of both sides as well. */
export class CompiledChecks implements Disposable {
  /** The folder, as it is called within the root. */
  readonly path: string;
  /** The same folder, as it is called here. */
  readonly folder: string;
  readonly #release: string;

  constructor({ release, root }: Erlang) {
    this.#release = release;
    const parent = root === "/" ? tmpdir() : join(root, "tmp");
    mkdirSync(parent, { recursive: true });
    this.folder = mkdtempSync(join(parent, "interlock-interop-"));
    this.path = root === "/" ? this.folder : join("/tmp", basename(this.folder));
    const sources = readdirSync(import.meta.dirname).filter((file) => file.endsWith(".erl"));
    for (const file of sources) copyFileSync(join(import.meta.dirname, file), join(this.folder, file));
    const files = sources.map((file) => join(this.path, file));
    const compiled = spawnSync(...within(root, "erlc", ["-o", this.path, ...files]), { encoding: "utf8" });
    if (compiled.status !== 0) throw new Error(`a check does not compile: ${compiled.stdout}${compiled.stderr}`);
    this.#certify();
  }

  /** As the interop node wants them in TLS_DIR, and the options of `inet_tls_dist`. */
  #certify(): void {
    using authority = new Authority();
    // OTP 25 wants the address as a name, newer ones as an address.
    const { ca, cert, key } = authority.issue("IP:127.0.0.1", "DNS:127.0.0.1");
    const files = ["cert", "key", "cacert"].map((kind, at) => {
      return `{${kind}file, "${join(this.path, ["node.pem", "node.key", "ca.pem"][at] ?? "")}"}`;
    });
    const both = [...files, "{verify, verify_peer}"].join(", ");
    const options = `[{server, [${both}, {fail_if_no_peer_cert, true}]}, {client, [${both}]}].\n`;
    const written = { "ca.pem": ca, "node.pem": cert, "node.key": key, "ssl_dist.conf": options };
    for (const [name, content] of Object.entries(written)) writeFileSync(join(this.folder, name), content);
  }

  /** What a node of Erlang that broke down has left: its slogan. The dump is kept for a closer look. */
  readonly crash = (): string => {
    const dump = join(this.folder, DUMP);
    if (!existsSync(dump)) return "";
    const kept = join(tmpdir(), `interlock-otp-${this.#release}.dump`);
    copyFileSync(dump, kept);
    const slogan = /^Slogan: .*$/m.exec(readFileSync(dump, "latin1"))?.[0] ?? "a dump without a slogan";
    return `${slogan} (all of it is in ${kept})`;
  };

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A port that nobody listens on: of a listener that is closed again. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof bound !== "object" || bound === null) throw new Error("no port");
  return bound.port;
}

/** A program is given up when a line is awaited and none has come for so long: more than checks.erl gives one check. */
const SILENCE_MS = 75_000;
/** For what is still in the pipes of a program that has ended. */
const LAST_WORDS_MS = 1_000;

/**
 * A program that is read line by line. When it ends, or hangs, whoever waits for a line is told at once, with what it said
 * last: a virtual machine that is broken neither ends nor answers.
 */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  /** What else there is to say of its end. */
  readonly #postMortem: () => string;
  readonly #ended = Promise.withResolvers<void>();
  readonly #waiting = new Map<string, { resolve(rest: string): void; reject(error: Error): void }>();
  readonly #lines = new Map<string, string>();
  #said = "";
  #end: Error | undefined;
  #silence: NodeJS.Timeout | undefined;

  constructor(
    command: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>>,
    postMortem: () => string = () => "",
  ) {
    this.#postMortem = postMortem;
    this.#child = spawn(command, args, { env: { ...process.env, ...environment }, stdio: ["ignore", "pipe", "pipe"] });
    let rest = "";
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#line(line);
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#said += text;
    });
    this.#child.once("error", (error) => this.#over(error.message));
    this.#child.once("close", (code, signal) => this.#over(signal ?? `exit ${code}`));
    // Its own end is the end, though children of its that live on hold its pipes open.
    this.#child.once("exit", () => setTimeout(this.#hangUp, LAST_WORDS_MS).unref());
  }

  readonly #hangUp = (): void => {
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  };

  #line(line: string): void {
    this.#said += `${line}\n`;
    this.#listen();
    const at = line.indexOf(": ");
    if (at < 0) return;
    const [key, rest] = [line.slice(0, at), line.slice(at + 2)];
    this.#lines.set(key, rest);
    this.#waiting.get(key)?.resolve(rest);
    this.#waiting.delete(key);
    if (this.#waiting.size === 0) clearTimeout(this.#silence);
  }

  #listen(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      this.#said += `No line for ${SILENCE_MS / 1_000} s: it hangs.\n`;
      this.#child.kill("SIGUSR1"); // Erlang leaves a dump then, if it can.
      this.#silence = setTimeout(() => this.#child.kill("SIGKILL"), SILENCE_MS / 5);
    }, SILENCE_MS);
  }

  #over(how: string): void {
    clearTimeout(this.#silence);
    this.#end = new Error(
      `${this.#child.spawnfile} has ended (${how}). ${this.#postMortem()}\n${this.#said.slice(-4_000)}`,
    );
    for (const { reject } of this.#waiting.values()) reject(this.#end);
    this.#waiting.clear();
    this.#ended.resolve();
  }

  get running(): boolean {
    return this.#end === undefined;
  }

  /** Resolves with the rest of the line `KEY: rest`, whenever it was printed. */
  line(key: string): Promise<string> {
    const known = this.#lines.get(key);
    if (known !== undefined) return Promise.resolve(known);
    if (this.#end !== undefined) return Promise.reject(this.#end);
    this.#listen();
    return new Promise((resolve, reject) => this.#waiting.set(key, { resolve, reject }));
  }

  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** As `kill -9`. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

/** The interop node; it hosts the EPMD at that port. `tls`: the folder of its certificates. */
export async function startInteropNode(
  name: string,
  epmdPort: number,
  tls?: string,
  more: Readonly<Record<string, string>> = {},
): Promise<Program> {
  const main = join(import.meta.dirname, "..", "interop-node.ts");
  const environment = { NODE: name, COOKIE, EPMD_PORT: String(epmdPort), NODE_OPTIONS: "", ...more };
  const secured = tls === undefined ? environment : { ...environment, TLS_DIR: tls };
  const program = new Program(process.execPath, ["--conditions=@interlock/source", main], secured);
  await program.line(`READY ${name} port`);
  return program;
}

/** Neither cookies nor dumps are left at home. */
const quiet = { HOME: "/tmp", ERL_CRASH_DUMP: "/dev/null", ERL_CRASH_DUMP_BYTES: "0" };

/** A node of Erlang that runs `checks:Function()` with these arguments. */
export function startErlang(
  { root }: Erlang,
  name: string,
  epmdPort: number,
  { crash, path }: CompiledChecks,
  [run, ...args]: readonly [string, ...string[]],
  secure = false,
  more: readonly string[] = [],
): Program {
  const tls = secure ? ["-proto_dist", "inet_tls", "-ssl_dist_optfile", join(path, "ssl_dist.conf")] : [];
  const node = ["-noinput", "-start_epmd", "false", "-name", name, "-setcookie", COOKIE, "-pa", path];
  const kernel = ["-kernel", "net_ticktime", "4", "inet_dist_use_interface", "{127,0,0,1}"];
  const [command, all] = within(root, "erl", [
    ...node,
    ...kernel,
    ...more,
    ...tls,
    "-s",
    "checks",
    run,
    "-extra",
    ...args,
  ]);
  const dump = { ERL_CRASH_DUMP: join(path, DUMP), ERL_CRASH_DUMP_BYTES: "20000000", ERL_CRASH_DUMP_SECONDS: "20" };
  return new Program(command, all, { ...quiet, ...dump, ERL_EPMD_PORT: String(epmdPort) }, crash);
}

/** A node of Elixir that evaluates `code`. */
export function startElixir({ root }: Erlang, name: string, epmdPort: number, code: string): Program {
  const node = ["--name", name, "--cookie", COOKIE, "--erl", "-start_epmd false", "-e", code];
  const [command, all] = within(root, "elixir", node);
  return new Program(command, all, { ...quiet, ERL_EPMD_PORT: String(epmdPort), LC_ALL: "C.UTF-8" });
}
