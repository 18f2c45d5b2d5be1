import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { Agent, get } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import type { PlatformNode } from "./platform/platform.ts";
import { next, Page, until, untilGone } from "./platform/waiting.fixture.ts";
import { type LocalRun, type RunLocallyOptions, runLocally } from "./run-locally.ts";

const entry = new URL("./platform/node-program.fixture.ts", import.meta.url);
const folder = mkdtempSync(join(tmpdir(), "interlock-launcher-"));

const runs: LocalRun[] = [];
const launchers: ChildProcess[] = [];
afterEach(async () => {
  for (const launcher of launchers.splice(0)) launcher.kill("SIGKILL");
  for (const run of runs.splice(0)) await run.close();
  for (const file of readdirSync(folder)) rmSync(join(folder, file));
});

async function launch(options: Partial<RunLocallyOptions> = {}): Promise<{ run: LocalRun; stdout: Page }> {
  const [stdout, stderr] = [new Page(), new Page()];
  const run = await runLocally({ app: "news", entry, port: 0, stdout, stderr, ...options });
  runs.push(run);
  return { run, stdout };
}

/** One GET that is never sent twice by its client. Resolves with the status, and with the node that answered. */
function ask(url: string, agent: Agent): Promise<{ readonly status: number | undefined; readonly node: unknown }> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent }, (answer) => {
      answer.resume();
      answer.once("error", reject);
      answer.once("end", () => resolve({ status: answer.statusCode, node: answer.headers["x-interlock-node"] }));
    });
    request.once("error", reject);
  });
}

describe("a local run", () => {
  test("has one URL in front of all nodes, and says so in a line for each node and one for all", async () => {
    const { run, stdout } = await launch();
    using agent = disposable(new Agent({ keepAlive: true }));
    const nodes = await Promise.all([1, 2, 3].map(async () => (await ask(run.url, agent.value)).node));
    expect(new Set(nodes)).toEqual(new Set(["news-1", "news-2", "news-3"]));
    const lines = stdout.text.split("\n").filter((line) => !line.includes("│"));
    expect(lines.toSorted().map((line) => line.replaceAll(/\d+\.\d+ s|:\d+/g, "…"))).toEqual([
      "",
      "✔ news  3 nodes at http://127.0.0.1…",
      "✔ news-1  ready     …  http://127.0.0.1…",
      "✔ news-2  ready     …  http://127.0.0.1…",
      "✔ news-3  ready     …  http://127.0.0.1…",
    ]);
  });

  test("answers each of 10 000 GETs while its nodes are killed and started again one after the other", async () => {
    const { run } = await launch();
    const { platform } = run;
    using agent = disposable(new Agent({ keepAlive: true, maxSockets: 20 }));
    let left = 10_000;
    let killed = 0;
    const open = new Set<Promise<unknown>>();
    const statuses = new Map<unknown, number>();
    const visit = async (): Promise<void> => {
      while (left > 0) {
        left -= 1;
        const answer = ask(run.url, agent.value);
        open.add(answer);
        const { status } = await answer.finally(() => open.delete(answer));
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    };
    const kill = async (): Promise<void> => {
      while (left > 500) {
        const id = `news-${(killed % 3) + 1}`;
        const again = next(platform, id, ({ state }) => state === "ready");
        await platform.kill(id);
        killed += 1;
        await platform.startAgain(id);
        // A visitor whose node is killed is sent to another: not to one that is killed while it is there.
        await Promise.all([again, ...open]);
      }
    };
    await Promise.all([kill(), ...Array.from({ length: 20 }, visit)]);
    expect(statuses).toEqual(new Map([[200, 10_000]]));
    expect(killed).toBeGreaterThan(3);
  }, 120_000);

  test("gives a stopped node no visitors, and stops what runs beside its nodes after them", async () => {
    const order: string[] = [];
    const beside = async () => ({
      [Symbol.asyncDispose]: async () => void order.push("beside"),
    });
    const { run } = await launch({ nodes: 2, beside });
    run.platform.watch(({ id, state }) => void order.push(`${id} ${state}`));
    await run.platform.stop("news-1");
    using agent = disposable(new Agent());
    const nodes = await Promise.all([1, 2, 3].map(async () => (await ask(run.url, agent.value)).node));
    expect(new Set(nodes)).toEqual(new Set(["news-2"]));
    await until(run.platform, ([one]) => one?.state === "stopped");
    await run.close();
    expect(order.at(-1)).toBe("beside");
    expect(order).toContain("news-2 stopped");
  });

  test("says what is wrong when no node comes up, and leaves nothing behind", async () => {
    await expect(launch({ env: { MODE: "failing" } })).rejects.toMatchObject({
      code: "INTERLOCK_NODES_START",
      message: expect.stringMatching(/^No node came up: news-\d ended with code 1/),
    });
  });

  test("says so when its port is taken, and starts nothing", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    await expect(launch({ port })).rejects.toMatchObject({
      code: "INTERLOCK_BALANCER_PORT",
      message: `Cannot listen at 127.0.0.1:${port}: another program has it`,
    });
    taken.close();
  });
});

interface Launcher {
  readonly program: ChildProcess;
  readonly url: string;
  readonly nodes: readonly PlatformNode[];
  readonly pids: readonly number[];
  readonly output: Page;
}

/** The launcher as a program of its own, with all its nodes up. */
async function launcherProgram(env: Readonly<Record<string, string>> = {}): Promise<Launcher> {
  const file = fileURLToPath(new URL("./launcher-program.fixture.ts", import.meta.url));
  const program = spawn(process.execPath, ["--conditions=@interlock/source", file], {
    env: { ...process.env, BYE: folder, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  launchers.push(program);
  const output = new Page();
  program.stdout?.pipe(output);
  const up = await new Promise<string>((resolve, reject) => {
    program.once("exit", () => reject(new Error(`the launcher has ended: ${output.text}`)));
    program.stdout?.on("data", () => {
      const [, json] = /^UP (.*)$/m.exec(output.text) ?? [];
      if (json !== undefined) resolve(json);
    });
  });
  const { nodes, url } = JSON.parse(up) as { url: string; nodes: readonly PlatformNode[] };
  return { program, url, nodes, output, pids: nodes.map(({ pid }) => pid as number) };
}

async function exitOf({ program }: Launcher): Promise<readonly unknown[]> {
  return program.exitCode === null && program.signalCode === null
    ? once(program, "exit")
    : [program.exitCode, program.signalCode];
}

describe("a launcher", () => {
  test("leaves no node behind when it is killed: each ends politely", async () => {
    const launcher = await launcherProgram();
    launcher.program.kill("SIGKILL");
    await untilGone(...launcher.pids);
    expect(readdirSync(folder).toSorted()).toEqual(["news-1", "news-2", "news-3"]);
  });

  test("leaves none behind when it is killed that hangs, or that will not end", async () => {
    const launcher = await launcherProgram({ MODE: "stubborn", GRACE_MS: "300" });
    const [hanging] = launcher.nodes;
    const hung = fetch(`${hanging?.url}/hang`).catch(() => "it hung up");
    launcher.program.kill("SIGKILL");
    await untilGone(...launcher.pids);
    expect(await hung).toBe("it hung up");
  });

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "stops all nodes politely at %s, and ends with 0",
    async (signal) => {
      const launcher = await launcherProgram();
      launcher.program.kill(signal);
      expect(await exitOf(launcher)).toEqual([0, null]);
      await untilGone(...launcher.pids);
      expect(readdirSync(folder).toSorted()).toEqual(["news-1", "news-2", "news-3"]);
    },
  );

  test("takes one Ctrl-C for one, although it comes from the terminal and from npm", async () => {
    const launcher = await launcherProgram();
    launcher.program.kill("SIGINT");
    launcher.program.kill("SIGINT");
    expect(await exitOf(launcher)).toEqual([0, null]);
    expect(launcher.output.text.match(/│ bye\n/g)).toHaveLength(3);
  });

  test("tells the nodes again at a second signal, and ends them and itself at a third", async () => {
    const launcher = await launcherProgram({ MODE: "stubborn", GRACE_MS: "3600000" });
    const { output, program } = launcher;
    const said = async (times: number): Promise<void> => {
      while (output.text.split("│ no\n").length <= times) await once(program.stdout as Readable, "data");
    };
    program.kill("SIGINT");
    await said(3);
    program.kill("SIGTERM");
    await said(6);
    program.kill("SIGHUP");
    expect(await exitOf(launcher)).toEqual([130, null]);
    await untilGone(...launcher.pids);
  });
});

function disposable(value: Agent): { readonly value: Agent } & Disposable {
  return { value, [Symbol.dispose]: () => value.destroy() };
}
