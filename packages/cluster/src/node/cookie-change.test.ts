import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { genServer, local, remote, reply } from "@interlock/core";
import { afterAll, expect, test } from "vitest";

import { TestCluster } from "./nodes.fixture.ts";

const folder = mkdtempSync(join(tmpdir(), "interlock-cookie-"));
afterAll(() => rmSync(folder, { recursive: true }));

const Echo = genServer({ name: "echo", init: () => 0, calls: { echo: (_ctx, value: number) => reply(value) } });
const echo = Echo.at(remote("echo", "b@127.0.0.1"));

test("a cookie is changed under way: no message is lost, and at any moment any node can connect to any other", async () => {
  await using cluster = await TestCluster.make();
  const files = { a: join(folder, "a"), b: join(folder, "b"), c: join(folder, "c") };
  const write = (name: keyof typeof files, text: string): void => writeFileSync(files[name], text, { mode: 0o400 });
  for (const name of ["a", "b", "c"] as const) write(name, "old");
  const a = await cluster.node("a", { cookie: { file: files.a } });
  const b = await cluster.node("b", { cookie: { file: files.b } });
  const c = await cluster.node("c", { cookie: { file: files.c } });
  await b.run(() => Echo.named(local("echo")).start());
  let answered = 0;
  let isOver = false;
  const calls = a.run(async () => {
    while (!isOver) {
      expect(await echo.call.echo(answered)).toBe(answered);
      answered++;
    }
  });
  const reconnect = async (): Promise<void> => {
    for (const [from, to] of [
      [c, a],
      [a, c],
      [c, b],
      [b, c],
    ] as const) {
      from.node.disconnect(to.name);
      await from.node.connect(to.name);
    }
  };
  for (const text of ["old\nnew", "new\nold", "new"])
    for (const name of ["b", "c", "a"] as const) {
      rmSync(files[name]);
      write(name, text);
      await reconnect();
    }
  isOver = true;
  await calls;
  expect(answered).toBeGreaterThan(0);
  const stranger = await cluster.node("d", { cookie: "old" });
  await expect(stranger.node.connect(a.name)).rejects.toMatchObject({ code: "INTERLOCK_CONNECT" });
});
