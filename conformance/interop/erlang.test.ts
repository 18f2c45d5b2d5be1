/** What real Erlang and Elixir nodes find when they check the interop node: one test for each check of checks.erl. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
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

const source = readFileSync(join(import.meta.dirname, "checks.erl"), "utf8");
/** Functions of no arguments with a sentence above them. */
const checks = [...source.matchAll(/^%% (?<title>.+)\n(?<name>\w+)\(\) ->/gm)].map(({ groups }) => ({
  name: groups?.["name"] ?? "",
  title: groups?.["title"] ?? "",
}));

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
    const names = checks.map(({ name }) => name);
    checking = startErlang(erlang, "er@127.0.0.1", epmdPort, compiled, ["main", NODE, ...names]);
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

  test.skipIf(!hasElixir(erlang))("GenServer.call of Elixir is answered", { timeout: LIMIT_MS }, () =>
    elixirCalls(erlang, epmdPort),
  );
});

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
