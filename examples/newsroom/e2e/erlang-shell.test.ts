/** A real Erlang shell beside the three nodes: it calls into the newsroom, and breaks it, as it would any Erlang node. */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { type RunningNewsroom, startTown } from "./newsroom-process.ts";

const hasErlang = spawnSync("erl", ["-noshell", "-eval", "halt()."]).status === 0;
const skip = hasErlang || process.env["CI"] !== undefined ? false : "no erl here: apt-get install erlang-base";
const cookie = "lockgate";

void describe("an Erlang shell", { skip, timeout: 120_000 }, () => {
  let folder: string;
  let town: RunningNewsroom;
  let epmdPort: number;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "newsroom-erlang-"));
    epmdPort = await freePort();
    const env = { INTERLOCK_COOKIE: cookie, NEWSROOM_EPMD_PORT: String(epmdPort) };
    town = await startTown(join(folder, "data"), env);
  });
  after(async () => {
    await town?.end("SIGTERM");
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  /** What the expression gives, as Erlang writes it. */
  async function erl(expression: string): Promise<string> {
    const program = `io:format("~0p", [begin ${expression} end]), halt().`;
    const args = ["-noshell", "-hidden", "-name", "shell@127.0.0.1", "-setcookie", cookie, "-eval", program];
    const env = { ...process.env, ERL_EPMD_PORT: String(epmdPort) };
    return (await promisify(execFile)("erl", args, { env, timeout: 60_000 })).stdout;
  }

  void test("sees the three nodes and the archive, and asks a server of any of them", async () => {
    assert.equal(
      await erl('lists:sort([Name || {Name, _} <- element(2, net_adm:names()), Name =/= "shell"])'),
      '["archive","newsroom-1","newsroom-2","newsroom-3"]',
    );
    for (const node of ["newsroom-1", "newsroom-2", "newsroom-3"])
      assert.match(
        await erl(`maps:get(<<"mode">>, gen_server:call({quote_board, '${node}@127.0.0.1'}, view))`),
        /^<<"serve_stale">>$/,
      );
  });

  void test("breaks a process, hears of its end, and finds the one that its supervisor has started instead", async () => {
    const found = await erl(`
      Node = 'newsroom-2@127.0.0.1',
      Feed = erlang:monitor(process, {feed, Node}),
      gen_server:cast({feed, Node}, break),
      receive {'DOWN', Feed, process, _, Reason} when Reason =/= noproc -> ok end,
      Again = fun Again() ->
        New = erlang:monitor(process, {feed, Node}),
        receive {'DOWN', New, process, _, noproc} -> Again() after 200 -> back end
      end,
      Again()`);
    assert.equal(found, "back");
    assert.equal((await fetch(town.url)).status, 200);
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { readonly port: number };
      server.close(() => resolve(port));
    });
  });
}
