import { genServer, local, makeRef, refTo, remote, reply, type Self, send } from "@interlock/core";
import { atom, tuple } from "@interlock/wire";
import { expect, test } from "vitest";

import { erlangRelease, startErlang } from "../../../wire/test/erlang-node.ts";
import { TestCluster } from "./nodes.fixture.ts";

const release = erlangRelease();
if (release === undefined && process.env["CI"] !== undefined) throw new Error("CI has no Erlang (erl) on its PATH.");

const ended: unknown[] = [];
const Server = genServer({
  name: "stopped_by_erlang",
  init: () => 0,
  calls: { ping: () => reply("pong") },
  terminate: (_ctx, reason) => void ended.push(reason),
});

test.skipIf(release === undefined)(
  `gen_server:stop of Erlang/OTP ${release ?? "(none installed: erl is missing)"} stops ours, and stop() stops its`,
  async () => {
    const cookie = "of_stop";
    await using cluster = await TestCluster.make();
    const a = await cluster.node("a", { cookie, visible: true });
    const erlang = await startErlang("erl@127.0.0.1", cookie, cluster.epmdPort);
    try {
      const evaluate = (text: string): Promise<unknown> =>
        a.run(async (self: Self<unknown>) => {
          const request = tuple(atom("eval"), self.pid, makeRef(), text.replace("Us", `'${a.name}'`));
          send(remote("tester", "erl@127.0.0.1") as never, request as never);
          return self.receive();
        });
      await a.run(() => Server.named(local("ours")).start());
      const stop = "gen_server:stop({ours, Us}, shutdown, 5000).";
      expect(await evaluate(stop)).toMatchObject({ elements: [{}, atom("ok"), atom("ok")] });
      expect(ended).toEqual(["shutdown"]);
      expect(await evaluate(stop)).toMatchObject({ elements: [{}, atom("error"), { elements: [atom("exit"), {}] }] });
      const theirs = remote("erl_prim_loader", "erl@127.0.0.1");
      await a.run(async () => {
        await refTo(remote("file_server_2", "erl@127.0.0.1")).stop("shutdown", 5_000);
        await expect(refTo(remote("nobody", "erl@127.0.0.1")).stop()).rejects.toMatchObject({
          code: "INTERLOCK_NOPROC",
        });
        await expect(refTo(theirs).stop("normal", 1)).rejects.toMatchObject({ code: "INTERLOCK_TIMEOUT" });
      });
    } finally {
      await erlang.close();
    }
  },
);
