import { execFile, spawn, spawnSync } from "node:child_process";
import { createConnection, type Socket } from "node:net";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";

import { type EpmdNode, type EpmdRequest, encodeEpmdRequest } from "../src/epmd/request.ts";
import {
  type EpmdResponse,
  EpmdResponseReader,
  readAlive2Response,
  readNamesResponse,
  readPort2Response,
} from "../src/epmd/response.ts";
import { Epmd, HOST, listen } from "./socket-shell.ts";

const isThere = spawnSync("epmd", ["-help"]).error === undefined;
if (!isThere && process.env["CI"] !== undefined) throw new Error("CI has no epmd on its PATH.");

const node: EpmdNode = {
  name: "ours",
  port: 4_242,
  type: "hidden",
  highestVersion: 6,
  lowestVersion: 6,
  extra: Uint8Array.of(1, 2),
};

/** One request on a connection of its own, which stays open. */
function ask<Value>(
  port: number,
  request: EpmdRequest,
  read: EpmdResponse<Value>,
): Promise<{ readonly value: Value; readonly socket: Socket }> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: HOST, port });
    const reader = new EpmdResponseReader(read);
    socket.on("error", reject);
    socket.on("data", (chunk: Buffer) => {
      const value = reader.receive(chunk);
      if (value !== undefined) resolve({ value, socket });
    });
    socket.on("end", () => {
      try {
        resolve({ value: reader.closed(), socket });
      } catch (error) {
        reject(error as Error);
      }
    });
    socket.write(encodeEpmdRequest(request));
  });
}

describe.skipIf(!isThere)(`with OTP's epmd${isThere ? "" : " (none installed: epmd is missing)"}`, () => {
  test("a node registers there, is found, and is gone with its connection", async () => {
    const { server, port } = await listen(() => undefined);
    await new Promise((resolve) => server.close(resolve));
    const epmd = spawn("epmd", ["-port", String(port), "-address", HOST, "-d", "-d"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    onTestFinished(() => void epmd.kill("SIGKILL"));
    // It says so when it listens.
    await new Promise<void>((resolve) => {
      let said = "";
      epmd.stderr.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes("entering the main select() loop")) resolve();
      });
    });
    const registered = await ask(port, { type: "ALIVE2_REQ", node }, readAlive2Response);
    expect(registered.value.creation).toBeGreaterThan(3);
    expect((await ask(port, { type: "ALIVE2_REQ", node }, readAlive2Response)).value.creation).toBeUndefined();
    expect((await ask(port, { type: "PORT_PLEASE2_REQ", name: "ours" }, readPort2Response)).value).toEqual({ node });
    expect((await ask(port, { type: "PORT_PLEASE2_REQ", name: "none" }, readPort2Response)).value.node).toBeUndefined();
    const names = async () => (await ask(port, { type: "NAMES_REQ" }, readNamesResponse)).value;
    expect(await names()).toEqual([{ name: "ours", port: 4_242 }]);
    registered.socket.destroy();
    while ((await names()).length > 0);
  });

  test("its command line understands the embedded one, which lets nobody end it", async () => {
    const epmd = await Epmd.start();
    onTestFinished(() => epmd.close());
    const { socket } = await ask(epmd.port, { type: "ALIVE2_REQ", node }, readAlive2Response);
    const command = async (...args: string[]): Promise<string> => {
      const run = promisify(execFile)("epmd", ["-port", String(epmd.port), ...args]);
      return run.then(
        ({ stdout }) => stdout,
        (error: { readonly stdout: string }) => error.stdout,
      );
    };
    expect(await command("-names")).toBe(
      `epmd: up and running on port ${epmd.port} with data:\nname ours at port 4242\n`,
    );
    expect(await command("-kill")).toContain("Killing not allowed");
    await command("-stop", "ours");
    expect([...epmd.registry.nodes.keys()]).toEqual(["ours"]);
    socket.destroy();
  });
});
