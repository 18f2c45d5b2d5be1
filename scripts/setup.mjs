/**
 * Makes one command on a fresh machine enough: installs the dependencies when node_modules is missing or belongs to
 * another package-lock.json, and is silent otherwise. Runs before `npm start`, `npm test` and the others, so it must be
 * plain JavaScript for any Node.js from 20 on. The Node.js that Interlock itself needs is among the dependencies: npm puts
 * node_modules/.bin first on the PATH of the script that follows.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const lockPath = join(root, "package-lock.json");
const installedLockPath = join(root, "node_modules", ".package-lock.json");
const stampPath = join(root, "node_modules", ".interlock-setup");
const nodePath = join(root, "node_modules", ".bin", process.platform === "win32" ? "node.cmd" : "node");

const lockHash = createHash("sha256").update(readFileSync(lockPath)).digest("hex");

if (!isInstalled()) {
  console.log("interlock: installing the dependencies, Node.js 26 among them (only when package-lock.json changed) …");
  install();
}

function isInstalled() {
  if (!existsSync(installedLockPath) || !existsSync(nodePath)) return false;
  if (existsSync(stampPath) && readFileSync(stampPath, "utf8") === lockHash) return true;
  // Somebody ran `npm install` by hand: npm writes both locks within moments of each other.
  const slackMs = 2_000;
  return statSync(installedLockPath).mtimeMs + slackMs >= statSync(lockPath).mtimeMs;
}

function install() {
  // Not `npm ci`: it refuses a lock without the binaries of every platform, and a registry mirror may lack some of those.
  // With --no-save the lock decides the versions all the same, and stays as it is (tests/lock.test.ts holds it in step with
  // the package.json files). NODE_ENV=production would leave out the development dependencies, which are nearly all.
  run(["install", "--no-save", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"]);
  if (!existsSync(nodePath) || spawnSync(nodePath, ["--version"]).status !== 0) {
    // npm's `node` package fetches its binary in an install script, which npm may be configured to skip.
    run(["rebuild", "node", "--ignore-scripts=false", "--loglevel=error"]);
  }
  writeFileSync(stampPath, lockHash);
}

/** @param {string[]} args */
function run(args) {
  const npm = process.env.npm_execpath;
  const [command, commandArgs] = npm ? [process.execPath, [npm, ...args]] : ["npm", args];
  const { status, error, stdout, stderr } = spawnSync(command, commandArgs, { cwd: root, encoding: "utf8" });
  if (status === 0) return;
  process.stderr.write(`${stdout ?? ""}${stderr ?? ""}`);
  console.error(`interlock: \`npm ${args.join(" ")}\` failed${error ? ` (${error.message})` : ""}.`);
  console.error("Is the npm registry reachable? The log of npm above says what it asked for.");
  process.exit(status ?? 1);
}
