import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";

import { until } from "../../../cluster/src/node/until.fixture.ts";
import { cgroupFiles, withCgroupFiles } from "./cgroup-files.fixture.ts";
import { memoryGroup, processorGroup } from "./container-groups.fixture.ts";
import { podExitCodes } from "./drain/machine.ts";
import { get, Program } from "./running-program.fixture.ts";

const MIB = 1_048_576;
/** Of the probes that `interlock deploy` writes. */
const LIVENESS_TIMEOUT_MS = 4_000;
const group = memoryGroup(256);
afterAll(() => group?.end());
const within = group?.within ?? [];
const skipped = group === undefined ? " (skipped: no memory group of cgroup v1 can be made here)" : "";

describe.skipIf(group === undefined)(`in a container with 256 MiB${skipped}`, () => {
  test("the heap is three quarters of it, in the same process", async () => {
    const program = new Program({}, within);
    const { heapMiB, pid } = await program.ports();
    expect(await program.tells("memory limit")).toContain("memory limit 256 MiB · heap 192 MiB · 1 scheduler");
    // V8 adds its young generation.
    expect(heapMiB).toBeGreaterThanOrEqual(192);
    expect(heapMiB).toBeLessThan(256);
    expect(pid).toBe(program.child.pid);
    program.child.kill("SIGTERM");
    expect(await program.ended).toBe(podExitCodes.drained);
  });

  test("V8's own heap would be more than the container has", () => {
    const code = "console.log(require('node:v8').getHeapStatistics().heap_size_limit)";
    const args = [...within.slice(1), process.execPath, "-e", code];
    const { stdout } = spawnSync("sh", args, { encoding: "utf8", env: { ...process.env, NODE_OPTIONS: "" } });
    expect(Number(stdout)).toBeGreaterThan(256 * MIB);
  });

  test("a heap that was asked for stays as it is", async () => {
    const program = new Program({ NODE_OPTIONS: "--max-old-space-size=100" }, within);
    const { heapMiB } = await program.ports();
    expect(heapMiB).toBeLessThan(120);
    expect(await program.tells("memory limit")).toContain("(by a flag)");
  });
});

const canMount = process.getuid?.() === 0 && spawnSync("unshare", ["--mount", "true"]).status === 0;

describe.skipIf(!canMount).each(["v1", "v2"] as const)(
  `with the files of cgroup %s${canMount ? "" : " (skipped: mounts need root and unshare)"}`,
  (version) => {
    test("the heap is three quarters of the limit", async () => {
      const program = new Program({}, withCgroupFiles(cgroupFiles[version](320)));
      const { heapMiB } = await program.ports();
      expect(await program.tells("memory limit")).toContain("memory limit 320 MiB · heap 240 MiB");
      expect(heapMiB).toBeGreaterThanOrEqual(240);
      expect(heapMiB).toBeLessThan(320);
    });

    test("the heap is V8's own where they name none", async () => {
      const program = new Program({}, withCgroupFiles(cgroupFiles[version](undefined)));
      expect(await program.tells("memory limit")).toContain("no memory limit");
    });
  },
);

const unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
const canUnshare = process.getuid?.() === 0 && spawnSync("unshare", [...unshare.slice(1), "true"]).status === 0;

/** The programs that are children of `pid`. */
function childrenOf(pid: number): readonly { readonly pid: number; readonly state: string }[] {
  return readdirSync("/proc").flatMap((entry) => {
    try {
      const [, state = "", parent] = /\) (\S) (\d+) /.exec(readFileSync(`/proc/${entry}/stat`, "utf8")) ?? [];
      return Number(parent) === pid ? [{ pid: Number(entry), state }] : [];
    } catch {
      return []; // No process, or none any more.
    }
  });
}

/** A program that goes on loading until it may begin. */
class Loading implements Disposable {
  readonly #go = join(mkdtempSync(join(tmpdir(), "interlock-loading-")), "go");
  readonly program: Program;

  constructor(wrapper: readonly string[] = []) {
    const code = `import { existsSync } from "node:fs"; console.log('{"loads":true}'); while (!existsSync(process.env.GO));`;
    const preload = `--import=data:text/javascript,${encodeURIComponent(code)}`;
    this.program = new Program({ NODE_OPTIONS: preload, GO: this.#go }, wrapper);
  }

  loads(): Promise<object> {
    return this.program.until(() => this.program.said.find((one) => "loads" in one));
  }

  goOn(): void {
    writeFileSync(this.#go, "");
  }

  [Symbol.dispose](): void {
    rmSync(dirname(this.#go), { recursive: true, force: true });
  }
}

test("a SIGTERM that comes before its program has loaded ends it", async () => {
  using loading = new Loading();
  await loading.loads();
  loading.program.child.kill("SIGTERM");
  expect(await loading.program.ended).toBe("SIGTERM");
});

describe.skipIf(!canUnshare)(
  `as PID 1${canUnshare ? "" : " (skipped: a PID namespace needs root and unshare)"}`,
  () => {
    /** Its PID outside of its namespace. */
    function outsideOf(program: Program): number {
      const [child] = childrenOf(program.child.pid ?? 0);
      return child?.pid ?? 0;
    }

    test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)("%s drains it", async (signal) => {
      const program = new Program({}, unshare);
      expect((await program.ports()).pid).toBe(1);
      process.kill(outsideOf(program), signal);
      expect(await program.ended).toBe(podExitCodes.drained);
      expect(program.said.at(-1)).toEqual({ stopped: "web" });
    });

    test("a SIGTERM that comes before its program has loaded does nothing", async () => {
      using loading = new Loading(unshare);
      await loading.loads();
      process.kill(outsideOf(loading.program), "SIGTERM");
      loading.goOn();
      const { management } = await loading.program.ports();
      expect(await get(management, "/ready")).toMatchObject({ status: 200 });
    });

    test("SIGQUIT ends it at once", async () => {
      const program = new Program({}, unshare);
      await program.ports();
      process.kill(outsideOf(program), "SIGQUIT");
      expect(await program.ended).toBe(podExitCodes.interrupted);
    });

    test("it ends itself when it hangs, although no signal from within its container could", async () => {
      const program = new Program({ HANG_MS: "1000" }, unshare);
      const { port } = await program.ports();
      fetch(`http://127.0.0.1:${port}/hang`).catch(() => undefined);
      // unshare passes on how its child ended.
      expect(await program.ended).toBe("SIGTRAP");
    });

    test("what its children leave behind stays as a zombie: Node.js waits for its own children only", async () => {
      const program = new Program({}, unshare);
      const { port } = await program.ports();
      await fetch(`http://127.0.0.1:${port}/orphan`);
      const outside = outsideOf(program);
      await until(() => childrenOf(outside).some(({ state }) => state === "Z"));
    });
  },
);

const processors = processorGroup();
afterAll(() => processors?.end());
const unthrottled = processors === undefined ? " (skipped: no processor group of cgroup v1 can be made here)" : "";

test.skipIf(processors === undefined)(`a busy pod with a tenth of a processor lives${unthrottled}`, async () => {
  const program = new Program({ LATE_MS: "50" }, processors?.within);
  const { management, port } = await program.ports();
  processors?.limit(0.1);
  await get(port, "/busy");
  for (let probe = 0; probe < 4; probe++) {
    // As the kubelet waits for it.
    const signal = AbortSignal.timeout(LIVENESS_TIMEOUT_MS);
    expect((await fetch(`http://127.0.0.1:${management}/live`, { signal })).status).toBe(200);
    await pause(500);
  }
  expect(program.told.join("\n")).not.toContain("has not turned");
});
