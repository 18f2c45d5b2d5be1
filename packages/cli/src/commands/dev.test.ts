import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

const bin = fileURLToPath(new URL("../bin.ts", import.meta.url));
const child = pathToFileURL(fileURLToPath(new URL("../child.ts", import.meta.url))).href;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "interlock-dev-"));
});
afterEach(() => rm(folder, { recursive: true }));

const program = (text: string): string => `
import { createServer } from "node:http";
import { ready } from ${JSON.stringify(child)};
const server = createServer((_, response) => response.end("${text}"));
server.listen(0, "127.0.0.1", () => ready({ url: \`http://127.0.0.1:\${server.address().port}\` }));
process.on("SIGTERM", () => process.exit(0));
`;

test("interlock dev serves at one URL, and there is the new program with every file that is saved, also after a broken one", async () => {
  const main = join(folder, "main.mjs");
  await writeFile(main, program("first"));
  const flags = ["--conditions=@interlock/source", bin, "dev", "main.mjs", "--port", "0"];
  const dev = spawn(process.execPath, flags, { cwd: folder, env: { ...process.env, NO_COLOR: "1" } });
  try {
    const said = createInterface(dev.stderr)[Symbol.asyncIterator]();
    const until = async (what: RegExp): Promise<void> => {
      for (;;) {
        const { done, value } = await said.next();
        if (done === true) throw new Error(`it ended before it said ${what}`);
        if (what.test(value)) return;
      }
    };
    const [line] = await once(createInterface(dev.stdout), "line");
    const url = / at (http:\S+)/.exec(line)?.[1] ?? "";
    const answer = async (): Promise<string> => (await fetch(url)).text();
    expect(await answer()).toBe("first");

    await writeFile(main, program("second"));
    await until(/main.mjs was saved/);
    await until(/ready/);
    expect(await answer()).toBe("second");

    await writeFile(main, "this is no program");
    await until(/failed/);
    await writeFile(main, program("third"));
    await until(/main.mjs was saved/);
    await until(/ready/);
    expect(await answer()).toBe("third");

    dev.kill("SIGTERM");
    expect((await once(dev, "exit"))[0]).toBe(0);
  } finally {
    dev.kill("SIGKILL");
  }
});
