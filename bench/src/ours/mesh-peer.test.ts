import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { nodePorts, startEpmd } from "@interlock/cluster";
import { expect, test } from "vitest";

const LONGEST_MS = 20_000;

/** What it says next. */
async function said({ stdout }: ChildProcess): Promise<string> {
  const [text] = stdout === null ? [] : ((await once(stdout, "data")) as [Buffer]);
  return String(text).trim();
}

test("a node that all others have connected to before it is told to begin knows that it is connected to all", async () => {
  const epmd = await startEpmd(nodePorts, { host: "127.0.0.1", port: 0 });
  const program = new URL("mesh-peer.ts", import.meta.url).pathname;
  const peers = [0, 1].map((own) =>
    spawn(
      process.execPath,
      ["--conditions=@interlock/source", program, "connect", String(own), "2", String(epmd.address.port)],
      { stdio: ["pipe", "pipe", "inherit"], timeout: LONGEST_MS, killSignal: "SIGKILL" },
    ),
  ) as [ChildProcess, ChildProcess];
  expect(await Promise.all(peers.map(said))).toEqual(["ready", "ready"]);
  for (const peer of peers) {
    peer.stdin?.write("go\n");
    expect(await said(peer)).toBe("full");
  }
  const gone = peers.map((peer) => once(peer, "exit"));
  for (const { stdin } of peers) stdin?.end();
  expect(await Promise.all(gone)).toEqual([
    [0, null],
    [0, null],
  ]);
  await epmd.close();
});
