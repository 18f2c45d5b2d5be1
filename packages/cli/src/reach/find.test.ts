import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodePorts, startEpmd } from "@interlock/cluster";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { TestTerminal } from "../commands/commands.fixture.ts";
import { exitCodeOf, exitCodes } from "../commands/exit-code.ts";
import { startControlServer } from "../platform/control-server.ts";
import { type LauncherFacts, launcherFile, leaveLauncherFile } from "../platform/launcher-file.ts";
import type { NodeControl } from "../platform/platform.ts";
import { findNodes } from "./find.ts";

let folder: string;
let running: AsyncDisposableStack;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "interlock-find-"));
  vi.stubEnv("XDG_STATE_HOME", folder);
  running = new AsyncDisposableStack();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await running.disposeAsync();
  await rm(folder, { recursive: true });
});

const asked = { file: "interlock.yaml", app: "bank" };

/** What a launcher of this very program has left. */
async function left(facts: Partial<LauncherFacts>): Promise<string> {
  const pid = process.pid;
  const epmd = { host: "127.0.0.1", port: 1 };
  await leaveLauncherFile({
    app: "bank",
    pid,
    cookie: "a secret",
    epmd,
    url: "http://127.0.0.1:1",
    token: "a",
    ...facts,
  });
  return launcherFile(facts.pid ?? pid);
}

async function control(token: string): Promise<string> {
  const none = {} as NodeControl;
  const server = await startControlServer({ ...none, nodes: () => [] }, token);
  running.defer(() => server.close());
  return server.url;
}

/** A program of another kind. @returns its address, as if it were a control server. */
async function stranger(answer: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => void socket.on("error", () => undefined).once("data", () => answer(socket)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  running.defer(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function closed(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return `http://127.0.0.1:${port}`;
}

const page = "<p>hello</p>";
const http = `HTTP/1.1 200 OK\r\ncontent-length: ${page.length}\r\nconnection: close\r\n\r\n${page}`;

describe("what a launcher has left that was killed, when its number is another program's,", () => {
  test.each([
    ["nobody has its port", closed],
    ["another launcher has its port", () => control("another token")],
    ["a web server has its port", () => stranger((socket) => socket.end(http))],
    ["a program without HTTP has its port", () => stranger((socket) => socket.end("-ERR unknown command\r\n"))],
  ])("goes, and the search goes on: %s", async (_, start) => {
    const file = await left({ url: await start() });
    // There it is not either.
    await expect(findNodes(asked, new TestTerminal())).rejects.toMatchObject({
      code: "INTERLOCK_KUBERNETES_NOT_FOUND",
    });
    expect(existsSync(file)).toBe(false);
  });
});

describe("a launcher that may be there", () => {
  test("and whose answer breaks off is named with its file, which stays", async () => {
    const file = await left({ url: await stranger((socket) => socket.destroy()) });
    const found = findNodes(asked, new TestTerminal());
    await expect(found).rejects.toMatchObject({
      code: "INTERLOCK_PLATFORM_REQUEST",
      message: expect.stringContaining(file),
    });
    expect(existsSync(file)).toBe(true);
  });

  test("and whose name server does not answer is named", async () => {
    await left({ url: await control("a"), epmd: { host: "127.0.0.1", port: Number(new URL(await closed()).port) } });
    await expect(findNodes(asked, new TestTerminal())).rejects.toMatchObject({
      code: "INTERLOCK_PLATFORM_REQUEST",
      details: { problem: expect.stringContaining("ECONNREFUSED") },
    });
  });
});

describe("several launchers", () => {
  const none = { file: "no such file" };
  /** Programs that run, with what stands for the launcher of each. */
  async function two(one: string, other: string): Promise<readonly number[]> {
    const url = await control("a");
    const nameServer = await startEpmd(nodePorts, { host: "127.0.0.1", port: 0 });
    running.defer(() => nameServer.close());
    const { host, port } = nameServer.address;
    const pids = [process.pid, process.ppid];
    for (const [at, app] of [one, other].entries()) await left({ app, url, epmd: { host, port }, pid: pids[at] ?? 0 });
    return pids;
  }

  test("of different applications are told apart by its name", async () => {
    await two("bank", "shop");
    const found = findNodes(none, new TestTerminal());
    await expect(found).rejects.toMatchObject({
      code: "INTERLOCK_LAUNCH_OPTION",
      details: { option: "--app", expected: expect.stringMatching(/: (bank, shop|shop, bank)$/) },
    });
    expect(await found.catch(exitCodeOf)).toBe(exitCodes.usage);
    expect(await findNodes({ ...none, app: "shop" }, new TestTerminal())).toMatchObject({
      where: "shop on this machine",
    });
  });

  test("of the same application are told apart by their PIDs", async () => {
    const pids = await two("bank", "bank");
    const found = findNodes({ ...none, local: true }, new TestTerminal());
    await expect(found).rejects.toMatchObject({ code: "INTERLOCK_LAUNCH_OPTION", details: { option: "--launcher" } });
    for (const pid of pids) {
      await expect(found).rejects.toThrow(`${pid} (bank)`);
      const reach = await findNodes({ ...none, launcher: String(pid), namespace: "shop" }, new TestTerminal());
      expect(reach.where).toBe("bank on this machine");
    }
    await expect(findNodes({ ...none, launcher: "1" }, new TestTerminal())).rejects.toMatchObject({
      code: "INTERLOCK_NO_SUCH_CLUSTER",
      message: "No launcher with PID 1 runs on this machine",
    });
  });
});
