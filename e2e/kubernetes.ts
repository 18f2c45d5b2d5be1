/**
 * The Kubernetes that the suite runs on: that of KUBECONFIG, else that of ../shared/kubernetes if it is up. On another cluster,
 * say kind, name what gives an image archive to its nodes, and a base with Node.js 26 that need not be there already:
 *
 *     KUBECONFIG=… E2E_IMAGE_LOADER="kind load image-archive" E2E_BASE=node-26.tar npm run test:e2e
 */
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, test } from "vitest";

export const root: string = resolve(import.meta.dirname, "..");
const fixture = { kubeconfig: "/var/tmp/k8s-fixture/kubeconfig", cache: join(homedir(), ".cache/k8s-fixture") };

const kubeconfig = process.env["KUBECONFIG"] || (existsSync(fixture.kubeconfig) ? fixture.kubeconfig : undefined);
export const isOnFixture: boolean = kubeconfig === fixture.kubeconfig;

/** Of every program that is started: kubectl must be the cluster's own. */
export const environment: NodeJS.ProcessEnv = {
  ...process.env,
  ...(kubeconfig !== undefined && { KUBECONFIG: kubeconfig }),
  NO_COLOR: "1",
  PATH: `${join(root, "node_modules/.bin")}:${join(fixture.cache, "bin")}:${process.env["PATH"]}`,
};

/** How images get there: a command that takes the archive, and whether it needs the layers of the base. */
export const images = {
  loader: process.env["E2E_IMAGE_LOADER"] ?? resolve(root, "../shared/kubernetes/load-image"),
  base: process.env["E2E_BASE"] ?? join(fixture.cache, "node-26.tar"),
  isThin: process.env["E2E_IMAGE_LOADER"] === undefined,
} as const;

/** Suites that need the cluster: without one they are skipped, in CI they fail. */
export function describeOnKubernetes(name: string, body: () => void): void {
  if (kubeconfig !== undefined) return void describe(name, body);
  const why = "no Kubernetes: KUBECONFIG is not set, and ../shared/kubernetes is not up";
  if (process.env["CI"] === undefined) return void describe.skip(`${name} (${why})`, body);
  describe(name, () => {
    test("has a Kubernetes to run on", () => {
      throw new Error(`There is ${why}`);
    });
  });
}

const startMs = performance.now();

/** A line of progress, with the seconds since the start. */
export function say(line: string): void {
  process.stderr.write(`${((performance.now() - startMs) / 1_000).toFixed(1).padStart(7)} s  ${line}\n`);
}

/** Runs a program to its end. @returns its stdout. Rejects with its stderr. */
export async function run(program: string, args: readonly string[], options: { input?: string } = {}): Promise<string> {
  const running = promisify(execFile)(program, [...args], { env: environment, cwd: root, maxBuffer: 2 ** 28 });
  if (options.input !== undefined) running.child.stdin?.end(options.input);
  try {
    return (await running).stdout;
  } catch (cause) {
    const { stderr = "", stdout = "" } = cause as { readonly stderr?: string; readonly stdout?: string };
    throw new Error(`${program} ${args.slice(0, 6).join(" ")} failed: ${(stderr || stdout).trim().slice(-2_000)}`);
  }
}

export const kubectl = (...args: readonly string[]): Promise<string> => run("kubectl", args);

/** `interlock` as it was built. @returns what it said to stderr. */
export async function interlock(...args: readonly string[]): Promise<string> {
  const child = spawn("node", [join(root, "packages/cli/dist/bin.js"), ...args], { env: environment, cwd: root });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  const code = await new Promise<number | null>((done) => child.once("close", done));
  if (code !== 0) throw new Error(`interlock ${args.join(" ")} ended with ${code}:\n${said}`);
  return said;
}

export interface Namespace extends AsyncDisposable {
  readonly name: string;
  readonly kubectl: (...args: readonly string[]) => Promise<string>;
  readonly apply: (object: object) => Promise<void>;
}

/** A namespace of a test's own, under restricted Pod Security; all that is in it goes with it. */
export async function namespaceFor(test: string): Promise<Namespace> {
  const name = `e2e-${test}-${process.pid}-${(performance.now() | 0).toString(36)}`;
  const enforce = "pod-security.kubernetes.io/enforce=restricted";
  await kubectl("create", "namespace", name);
  await kubectl("label", "namespace", name, enforce);
  return {
    name,
    kubectl: (...args) => kubectl("-n", name, ...args),
    apply: async (object) =>
      void (await run("kubectl", ["-n", name, "apply", "-f", "-"], { input: JSON.stringify(object) })),
    // Whoever wants to look at it afterwards sets E2E_KEEP.
    [Symbol.asyncDispose]: async () => {
      if (process.env["E2E_KEEP"] !== undefined) return say(`${name} is kept: E2E_KEEP`);
      await kubectl("delete", "namespace", name, "--wait=false");
      await kubectl("-n", name, "delete", "pods", "--all", "--grace-period=0", "--force", "--wait=false").catch(
        () => "",
      );
    },
  };
}
