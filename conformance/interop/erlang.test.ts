/** What real Erlang and Elixir nodes find when they check the interop node: one test for each check of checks.erl. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import {
  CompiledChecks,
  type Erlang,
  erlangs,
  freePort,
  hasElixir,
  type Program,
  startElixir,
  startErlang,
  startInteropNode,
} from "./peers.ts";

/** Functions of no arguments with a sentence above them. */
const checks = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(".erl"))
  .flatMap((file) =>
    [...readFileSync(join(import.meta.dirname, file), "utf8").matchAll(/^%% (?<title>.+)\n(?<name>\w+)\(\) ->/gm)].map(
      ({ groups }) => ({
        module: basename(file, ".erl"),
        name: groups?.["name"] ?? "",
        title: groups?.["title"] ?? "",
      }),
    ),
  );
const argumentOf = ({ module, name }: (typeof checks)[number]): string => `${module}:${name}`;

const NODE = "ts@127.0.0.1";
const LIMIT_MS = 90_000;
const { found, missing } = erlangs();
for (const reason of missing) test.skip(`the checks of real Erlang: ${reason}`);

describe.each(found.map((erlang) => [erlang.release, erlang] as const))("Erlang/OTP %s finds that", (_, erlang) => {
  let epmdPort: number;
  let compiled: CompiledChecks;
  let node: Program;
  let checking: Program;

  beforeAll(async () => {
    epmdPort = await freePort();
    compiled = new CompiledChecks(erlang);
    node = await startInteropNode(NODE, epmdPort);
    const all = checks.map(argumentOf);
    checking = startErlang(erlang, "er@127.0.0.1", epmdPort, compiled, ["main", NODE, ...all]);
  }, LIMIT_MS);

  afterAll(async () => {
    await checking?.kill();
    await node?.kill();
    compiled?.[Symbol.dispose]();
  });

  for (const { name, title } of checks)
    test(`${title} (${name})`, { timeout: LIMIT_MS }, async () => {
      expect(await checking.line(name)).toBe("ok");
    });

  test("the interop node outlives all of it", { timeout: LIMIT_MS }, async () => {
    await checking.ended;
    expect(node.running).toBe(true);
  });

  test("these checks tell of an Erlang that breaks down at once", { timeout: LIMIT_MS }, async () => {
    await using broken = startErlang(erlang, "broken@127.0.0.1", epmdPort, compiled, ["broken"]);
    await expect(broken.line("nothing")).rejects.toThrow("Slogan: broken on purpose");
  });

  test.skipIf(!hasElixir(erlang))("GenServer.call of Elixir is answered", { timeout: LIMIT_MS }, () =>
    elixirCalls(erlang, epmdPort),
  );
});

/** The connection is TLS's: what depends on how bytes come and go is checked again. */
const overTls =
  `ping nodedown_here calls tag_forms casts many_calls calls_here erpc_call erpc_here spawns spawn_ends monitors
  monitors_here links unlinks exits aliases random_terms large_binaries interleaved order atom_cache`.split(/\s+/);
const checksOverTls = checks.filter((check) => overTls.includes(check.name));

describe.each(found.map((erlang) => [erlang.release, erlang] as const))(
  "Erlang/OTP %s finds over TLS that",
  (_, erlang) => {
    let compiled: CompiledChecks;
    let node: Program;
    let checking: Program;
    let epmdPort: number;

    beforeAll(async () => {
      epmdPort = await freePort();
      compiled = new CompiledChecks(erlang);
      node = await startInteropNode(NODE, epmdPort, compiled.folder);
      const secure = checksOverTls.map(argumentOf);
      checking = startErlang(erlang, "er@127.0.0.1", epmdPort, compiled, ["main", NODE, ...secure], true);
    }, LIMIT_MS);

    afterAll(async () => {
      await checking?.kill();
      await node?.kill();
      compiled?.[Symbol.dispose]();
    });

    for (const { name, title } of checksOverTls)
      test(`${title} (${name})`, { timeout: LIMIT_MS }, async () => {
        expect(await checking.line(name)).toBe("ok");
      });

    test("a node without TLS is refused, and the node goes on", { timeout: LIMIT_MS }, async () => {
      await checking.ended;
      const names = ["refused", NODE] as const;
      await using plain = startErlang(erlang, "plain@127.0.0.1", epmdPort, compiled, names);
      expect(await plain.line("refused")).toBe("pang");
      await using again = startErlang(erlang, "er@127.0.0.1", epmdPort, compiled, ["main", NODE, "checks:ping"], true);
      expect(await again.line("ping")).toBe("ok");
    });
  },
);

const checksOfGlobal = checks.filter(({ module }) => module === "global_checks");

describe.each(found.map((erlang) => [erlang.release, erlang] as const))(
  "Erlang/OTP %s that does not prevent overlapping partitions finds that",
  (_, erlang) => {
    let compiled: CompiledChecks;
    let node: Program;
    let epmdPort: number;
    const start = (...names: readonly string[]): Program => {
      const off = ["-kernel", "prevent_overlapping_partitions", "false"];
      return startErlang(erlang, "er@127.0.0.1", epmdPort, compiled, ["main", NODE, ...names], false, off);
    };
    const startNode = (): Promise<Program> =>
      startInteropNode(NODE, epmdPort, undefined, { OVERLAPPING_PARTITIONS: "yes" });
    let checking: Program;

    beforeAll(async () => {
      epmdPort = await freePort();
      compiled = new CompiledChecks(erlang);
      node = await startNode();
      checking = start(...checksOfGlobal.map(argumentOf));
    }, LIMIT_MS);

    afterAll(async () => {
      await checking?.kill();
      await node?.kill();
      compiled?.[Symbol.dispose]();
    });

    for (const { name, title } of checksOfGlobal)
      test(`${title} (${name})`, { timeout: LIMIT_MS }, async () => {
        expect(await checking.line(name)).toBe("ok");
      });

    test("the names of a node that is killed are gone, and there when it is started again", {
      timeout: LIMIT_MS,
    }, async () => {
      await checking.ended;
      await using outliving = start("global_checks:outlives");
      await outliving.line("in sync");
      await node.kill();
      await outliving.line("alone");
      node = await startNode();
      expect(await outliving.line("outlives")).toBe("ok");
    });
  },
);

async function elixirCalls(erlang: Erlang, epmdPort: number): Promise<void> {
  const code = `
    server = {:echo, :"${NODE}"}
    :pong = Node.ping(:"${NODE}")
    term = %{"key" => [1.0, :atom, nil, {~c"list", "é"}], struct: %URI{path: "/"}}
    ^term = GenServer.call(server, {:echo, term})
    pid = GenServer.call(server, :self)
    ref = Process.monitor(pid)
    true = Process.demonitor(ref)
    3 = :erpc.call(:"${NODE}", :ts_fixture, :add, [1, 2])
    {:noproc, _} = (try do GenServer.call({:nobody, :"${NODE}"}, :x) catch :exit, reason -> reason end)
    GenServer.cast({:echo, :"${NODE}"}, {:send, self(), :hello})
    receive do :hello -> IO.puts("elixir: passed") end
  `;
  await using elixir = startElixir(erlang, "ex@127.0.0.1", epmdPort, code);
  expect(await elixir.line("elixir")).toBe("passed");
}
