/**
 * What the README promises, tried on a fresh clone of HEAD: `npm start` alone installs, starts the newsroom and serves its
 * page. Ends with 0 once http://127.0.0.1:PORT/ answered 200 (PORT from the environment, otherwise a free one).
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const limitMs = 5 * 60_000;
const pollMs = 250;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = mkdtempSync(join(tmpdir(), "interlock-smoke-"));
const clone = join(folder, "interlock");
const port = Number(process.env.PORT ?? (await freePort()));
const url = `http://127.0.0.1:${port}/`;

let output = "";
let failure;
execFileSync("git", ["clone", "--quiet", "--no-hardlinks", root, clone]);
const startMs = performance.now();
const child = spawn("npm", ["start"], { cwd: clone, env: freshEnvironment(), detached: true });
const ended = new Promise((resolve) => {
  child.on("error", (error) => resolve(error.message));
  child.on("exit", (code, signal) => resolve(`npm start ended with ${signal ?? code}`));
});
child.stdout.on("data", (chunk) => (output += chunk));
child.stderr.on("data", (chunk) => (output += chunk));
try {
  await Promise.race([
    untilServed(),
    ended.then((how) => {
      throw new Error(how);
    }),
  ]);
  console.log(`smoke: a fresh clone served ${url} after ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
} catch (error) {
  failure = error;
} finally {
  await stop();
  rmSync(folder, { recursive: true, force: true });
}
if (failure !== undefined) {
  console.error(`smoke: \`npm start\` in a fresh clone did not serve ${url}: ${failure.message}`);
  console.error(output);
  process.exit(1);
}

async function untilServed() {
  while (performance.now() - startMs < limitMs) {
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) });
      const body = await answer.text();
      if (answer.status === 200 && body.includes("<html")) return;
    } catch {
      // Not listening yet: the install comes first.
    }
    await delay(pollMs);
  }
  throw new Error(`no answer within ${limitMs / 1000} s`);
}

/** Ends the whole group: npm, its shell and the nodes that the newsroom started. */
async function stop() {
  const { pid } = child;
  if (pid === undefined) return;
  for (const [signal, graceMs] of [
    ["SIGTERM", 10_000],
    ["SIGKILL", 2_000],
  ]) {
    try {
      process.kill(-pid, signal);
    } catch {
      return;
    }
    await Promise.race([ended, delay(graceMs)]);
  }
}

/** The environment of somebody's shell: neither npm's own variables nor this clone's binaries. */
function freshEnvironment() {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_(?!config_)/.test(name)));
  const path = (process.env.PATH ?? "").split(delimiter).filter((entry) => !entry.includes("node_modules"));
  return { ...env, PATH: path.join(delimiter), PORT: String(port) };
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}
