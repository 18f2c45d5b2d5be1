import { afterEach, describe, expect, test, vi } from "vitest";
import { CliError } from "../errors.ts";
import { draining, launchedNode, platform, ready } from "./child.ts";
import { type ControlServer, startControlServer } from "./control-server.ts";
import type { PlatformNode } from "./platform.ts";

const node: PlatformNode = {
  id: "a-1",
  name: "a-1@127.0.0.1",
  state: "ready",
  reason: undefined,
  pid: 7,
  url: "http://127.0.0.1:9",
  restarts: 0,
  since: 1,
};

const servers: ControlServer[] = [];
const done: string[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  done.length = 0;
  for (const server of servers.splice(0)) await server.close();
});

async function serve(): Promise<ControlServer> {
  const act =
    (what: string) =>
    async (id: string): Promise<void> => {
      if (id !== "a-1") throw new CliError("INTERLOCK_NO_SUCH_NODE", `There is no node ${id}`, { node: id, known: [] });
      done.push(what);
    };
  const control = { nodes: () => [node], kill: act("kill"), stop: act("stop"), startAgain: act("start") };
  const server = await startControlServer(control, "a secret");
  servers.push(server);
  return server;
}

/** This program as a node that was given that. */
function given({ token, url }: { readonly token: string; readonly url: string }): void {
  vi.stubEnv("INTERLOCK_PLATFORM_URL", url);
  vi.stubEnv("INTERLOCK_PLATFORM_TOKEN", token);
}

describe("the control server", () => {
  test("does what a node asks, and says what it cannot do", async () => {
    given(await serve());
    const client = platform();
    expect(await client?.nodes()).toEqual([JSON.parse(JSON.stringify(node))]);
    await client?.kill("a-1");
    await client?.stop("a-1");
    await client?.startAgain("a-1");
    expect(done).toEqual(["kill", "stop", "start"]);
    await expect(client?.kill("b/../1")).rejects.toMatchObject({
      code: "INTERLOCK_PLATFORM_REQUEST",
      message: "The launcher did not do POST /nodes/b%2F..%2F1/kill: There is no node b/../1",
    });
  });

  test("does nothing for who has not its token", async () => {
    const { url } = await serve();
    given({ url, token: "another" });
    await expect(platform()?.kill("a-1")).rejects.toMatchObject({
      details: { problem: "the token is not this launcher's" },
    });
    for (const headers of [{}, { authorization: "" }, { authorization: "a secret" }]) {
      const { status } = await fetch(`${url}/nodes/a-1/kill`, { method: "POST", headers });
      expect(status).toBe(403);
    }
    expect(done).toEqual([]);
  });

  test("does nothing for a request that is none of its own", async () => {
    const { token, url } = await serve();
    const headers = { authorization: `Bearer ${token}` };
    const ask = async (method: string, path: string): Promise<number> =>
      (await fetch(url + path, { method, headers })).status;
    expect(await ask("GET", "/nodes/a-1/kill")).toBe(404);
    expect(await ask("POST", "/nodes/a-1/burn")).toBe(404);
    expect(await ask("POST", "/nodes/%ff/kill")).toBe(400);
    expect(done).toEqual([]);
  });

  test("that is gone is said to be", async () => {
    const server = await serve();
    given(server);
    await server.close();
    await expect(platform()?.nodes()).rejects.toMatchObject({ code: "INTERLOCK_PLATFORM_REQUEST" });
  });
});

describe("a program that no platform runs", () => {
  test("has nothing, and says to nobody how it is", () => {
    expect([launchedNode(), platform()]).toEqual([undefined, undefined]);
    ready({ url: "http://127.0.0.1:1" });
    draining();
  });

  test("is told of an address that is none, as it would be by a platform", () => {
    expect(() => ready({ url: "here" })).toThrow('Bad url: got "here"');
  });
});

describe("a program that was given its node by hand", () => {
  test("has all of it", () => {
    vi.stubEnv("INTERLOCK_NODE", "a-1@127.0.0.1");
    vi.stubEnv("INTERLOCK_COOKIE", "c");
    vi.stubEnv("INTERLOCK_EPMD", "127.0.0.1:4001");
    const epmd = { host: "127.0.0.1", port: 4001 };
    expect(launchedNode()).toEqual({ id: "a-1", name: "a-1@127.0.0.1", cookie: "c", epmd });
  });

  test.each([
    ["INTERLOCK_EPMD", "nowhere"],
    ["INTERLOCK_COOKIE", undefined],
  ])("is told when %s is %s", (variable, value) => {
    vi.stubEnv("INTERLOCK_NODE", "a-1@127.0.0.1");
    vi.stubEnv("INTERLOCK_COOKIE", "c");
    vi.stubEnv("INTERLOCK_EPMD", "127.0.0.1:4001");
    vi.stubEnv(variable, value);
    expect(launchedNode).toThrow(
      expect.objectContaining({ code: "INTERLOCK_LAUNCH_OPTION", message: expect.stringContaining(variable) }),
    );
  });
});
