import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";

import { Mount } from "../config/mount.fixture.ts";
import { podExitCodes } from "./drain/machine.ts";
import { get, Program } from "./running-program.fixture.ts";

describe("the probes", () => {
  test("say that it has started, is ready and lives; and why it is not ready", async () => {
    const { management, port } = await new Program().ports();
    for (const path of ["/startup", "/ready", "/live"])
      expect(await get(management, path)).toMatchObject({ status: 200, body: { reasons: [] } });
    await get(port, "/ill");
    expect(await get(management, "/ready")).toMatchObject({
      status: 503,
      body: { ready: false, reasons: [{ check: "wellness", reason: "it does not feel well" }] },
    });
    expect(await get(management, "/live")).toMatchObject({ status: 200 });
    expect(await get(management, "/lifecycle/status")).toMatchObject({
      body: { application: { name: "program" }, phase: "serving", ready: false },
    });
    expect(await get(management, "/nothing")).toMatchObject({ status: 404 });
  });
});

test("a pod whose event loop is late for three periods is not ready, and lives", async () => {
  const { management, port } = await new Program({ LATE_MS: "50" }).ports();
  await get(port, "/busy");
  let ready = await get(management, "/ready");
  while (ready.status === 200) {
    await pause(500);
    ready = await get(management, "/ready");
  }
  expect(ready.body).toMatchObject({
    reasons: [{ check: "event_loop", reason: expect.stringContaining("3 periods") }],
  });
  expect((await get(management, "/live")).status).toBe(200);
});

describe("the preStop hook", () => {
  const token = { INTERLOCK_DRAIN_TOKEN: "a word" };

  test("is refused without the token, and where there is none", async () => {
    const guarded = await new Program(token).ports();
    expect(await get(guarded.management, "/lifecycle/prestop")).toMatchObject({ status: 403 });
    expect(await get(guarded.management, "/lifecycle/prestop", { "x-interlock-token": "a werd" })).toMatchObject({
      status: 403,
    });
    const open = await new Program().ports();
    expect(await get(open.management, "/lifecycle/prestop", { "x-interlock-token": "" })).toMatchObject({
      status: 403,
    });
    expect(await get(open.management, "/lifecycle/status")).toMatchObject({ body: { phase: "serving" } });
  });

  test("waits until the pod has settled, which serves and is ready meanwhile; SIGTERM then changes nothing", async () => {
    const program = new Program(token);
    const { management, port } = await program.ports();
    const hook = get(management, "/lifecycle/prestop", { "x-interlock-token": "a word" });
    await program.tells("drain: settling");
    const slow = get(port, "/slow");
    for (const path of ["/ready", "/live"]) expect((await get(management, path)).status).toBe(200);
    expect(await get(port, "/")).toMatchObject({ status: 200, connection: "close" });
    expect(await hook).toMatchObject({ status: 200, body: { settled: true } });
    program.child.kill("SIGTERM");
    expect((await slow).status).toBe(200);
    expect(await program.ended).toBe(podExitCodes.drained);
    expect(program.said.slice(1)).toEqual([{ handoff: "begun" }, { handoff: "done" }, { stopped: "web" }]);
  });
});

describe("signals", () => {
  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)("%s drains, and the program ends with 0", async (signal) => {
    const program = new Program();
    const { port } = await program.ports();
    const slow = get(port, "/slow");
    await new Promise((resolve) => setImmediate(resolve));
    program.child.kill(signal);
    expect((await slow).status).toBe(200);
    expect(await program.ended).toBe(podExitCodes.drained);
    expect(program.said.at(-1)).toEqual({ stopped: "web" });
  });

  test("what became of the state is said as soon as it is known, though requests go on", async () => {
    const program = new Program();
    const { port } = await program.ports();
    get(port, "/endless").catch(() => undefined);
    program.child.kill("SIGTERM");
    await program.tells('drain: handoff of state: done {"moved":1}');
    expect(program.told.join("\n")).not.toContain("drain: closing");
    program.child.kill("SIGQUIT");
    await program.ended;
  });

  test("the second one cuts the hand-off short", async () => {
    const program = new Program({ MODE: "handoff" });
    await program.ports();
    program.child.kill("SIGTERM");
    await program.until(() => program.said.find((one) => "handoff" in one));
    program.child.kill("SIGTERM");
    expect(await program.ended).toBe(podExitCodes.drained);
    expect(program.said.slice(1)).toEqual([{ handoff: "begun" }, { handoff: "cut" }, { stopped: "web" }]);
  });

  test("the third one, and SIGQUIT, end it at once with 130", async () => {
    const quick = new Program({ MODE: "handoff" });
    await quick.ports();
    quick.child.kill("SIGQUIT");
    expect(await quick.ended).toBe(podExitCodes.interrupted);
    const program = new Program({ INTERLOCK_DRAIN: "settle=60" });
    const { port } = await program.ports();
    get(port, "/endless").catch(() => undefined);
    for (let sent = 1; sent <= 3; sent++) {
      program.child.kill("SIGTERM");
      if (sent < 3)
        await program.until(() =>
          program.told.filter((line) => line.includes("SIGTERM")).length >= sent ? true : undefined,
        );
    }
    expect(await program.ended).toBe(podExitCodes.interrupted);
  });
});

test("the mounted ConfigMap and Secret configure the application, while it runs as well; what is refused is shown", async () => {
  using config = new Mount({ price: "5" });
  using secret = new Mount({ "db.user": "ada-lovelace" });
  using cookie = new Mount({ cookie: "a secret cookie", version: "77aa" });
  const mounted = {
    INTERLOCK_CONFIG_DIR: config.directory,
    INTERLOCK_SECRET_DIR: secret.directory,
    INTERLOCK_COOKIE_FILE: `${cookie.directory}/cookie`,
    INTERLOCK_TLS_DIR: "/nowhere",
  };
  const program = new Program({ MODE: "price", ...mounted });
  const { management, port } = await program.ports();
  const status = async () =>
    (await get(management, "/lifecycle/status")).body as { readonly config: readonly object[] };
  expect((await status()).config).toEqual([
    {
      application: "program",
      changes: 0,
      settings: [
        { path: "price", shown: '"5"', source: `ConfigMap ${config.directory}/price`, instead: [] },
        { path: "db.user", shown: "(secret)", source: `Secret ${secret.directory}/db.user`, instead: [] },
      ],
    },
  ]);
  config.swap({ price: "7" });
  await program.tells("program: a new configuration is in force");
  expect((await get(port, "/price")).body).toBe(7);
  config.swap({ price: "nothing" });
  await program.tells("the configuration stays as it was");
  expect((await get(port, "/price")).body).toBe(7);
  expect(await status()).toMatchObject({
    ready: true,
    config: [{ refused: expect.stringContaining(`got "nothing" (ConfigMap ${config.directory}/price)`) }],
  });
  expect(program.told.join("\n")).not.toContain("lovelace");
  program.child.kill("SIGTERM");
  expect(await program.ended).toBe(podExitCodes.drained);
});

describe("a program that cannot go on", () => {
  test("ends with 1 when its root supervisor gives up", async () => {
    const program = new Program();
    const { port } = await program.ports();
    await get(port, "/crash").catch(() => undefined);
    expect(await program.ended).toBe(podExitCodes.failed);
    expect(program.told.join("\n")).toContain("program has given up");
  });

  test("ends with 1 when it cannot start, and with 2 when its configuration is wrong", async () => {
    const program = new Program({ MODE: "start" });
    expect(await program.ended).toBe(podExitCodes.failed);
    expect(program.told.join("\n")).toContain(
      "program cannot start: Cannot start application program: Error: no power",
    );
    const misconfigured = new Program({ MODE: "config" });
    expect(await misconfigured.ended).toBe(podExitCodes.usage);
    expect(misconfigured.told.join("\n")).toContain("price");
    const strange = new Program({ INTERLOCK_DRAIN: "settle=soon" });
    expect(await strange.ended).toBe(podExitCodes.usage);
    expect(strange.told.join("\n")).toContain("Bad INTERLOCK_DRAIN");
  });

  test("ends with 1 when its probes cannot be served", async () => {
    const other = createServer().listen(0);
    await once(other, "listening");
    const program = new Program({ PORT: String((other.address() as AddressInfo).port) });
    expect(await program.ended).toBe(podExitCodes.failed);
    expect(program.told.join("\n")).toContain("EADDRINUSE");
    other.close();
  });

  test("is not killed for a start that keeps its main thread busy: the startup probe has the last word there", async () => {
    const program = new Program({ HANG_MS: "1000", MODE: "long start" });
    const { management } = await program.ports();
    expect((await get(management, "/ready")).status).toBe(200);
    program.child.kill("SIGTERM");
    expect(await program.ended).toBe(podExitCodes.drained);
  });

  test("is killed when its main thread hangs, and answers the kubelet until then", async () => {
    const program = new Program({ HANG_MS: "4000", INTERLOCK_DRAIN_TOKEN: "a word" });
    const { management, port } = await program.ports();
    get(port, "/hang").catch(() => undefined);
    await program.until(() => program.said.find((one) => "hangs" in one));
    const [hook, ready, live] = await Promise.all([
      get(management, "/lifecycle/prestop", { "x-interlock-token": "a word" }),
      get(management, "/ready"),
      get(management, "/live"),
    ]);
    expect(hook).toMatchObject({ status: 200, body: { settled: false } });
    expect([ready.status, live.status]).toEqual([503, 200]);
    expect(await program.ended).toBe("SIGKILL");
    expect(program.told.at(-1)).toContain("the main thread has not turned for");
  });
});
