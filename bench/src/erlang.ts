/**
 * The Erlang programs of `shared/baselines/beam`, run as they are, each group of rows in a fresh Erlang VM with one scheduler.
 *
 * `bb_local:main` runs all groups in one go; here they are called one by one (compiled with `export_all`), so that each stands
 * between two of ours. As in `main` the logger is off, so BEAM does not build supervisor reports, and ours does.
 */

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Outcome, runChild } from "./child.ts";

export interface Erlang {
  readonly description: string;
  /** Runs one group of `bb_local`, or `elixir` or `dist` (two nodes) up to the figure `until`. */
  run(group: string, until: string): Promise<Outcome>;
  close(): void;
}

/** Gives Erlang, or the one line that says why there is none. */
export function findErlang(repository: string): Erlang | string {
  const programs = resolve(process.env["BEAM_BASELINES"] ?? join(repository, "../shared/baselines/beam"));
  if (!existsSync(join(programs, "bb_local.erl")))
    return `no Erlang programs in ${programs} (BEAM_BASELINES names another folder)`;

  const root = process.env["BEAM_ROOT"];
  const inRoot = (command: string, args: readonly string[]): [string, string[]] =>
    root === undefined ? [command, [...args]] : ["chroot", [root, command, ...args]];
  const release = ask(
    ...inRoot("erl", ["-noshell", "-eval", "io:put_chars(erlang:system_info(otp_release)), halt()."]),
  );
  if (release === undefined) return "no Erlang: erl is not on the PATH (Debian: apt-get install erlang-base elixir)";

  // Under BEAM_ROOT a path inside the root, so that erl there sees it under the same name.
  const work = mkdtempSync(join(root ?? "", root === undefined ? tmpdir() : "tmp", "interlock-bench-"));
  const seen = root === undefined ? work : work.slice(resolve(root).length);
  const sources = readdirSync(programs).filter((file) => /^bb.*\.erl$|\.exs$/.test(file));
  for (const file of sources) cpSync(join(programs, file), join(work, file));
  const modules = sources.filter((file) => file.endsWith(".erl")).map((file) => `${seen}/${file}`);
  execFileSync(...inRoot("erlc", ["+export_all", "+nowarn_export_all", "-o", seen, ...modules]), {
    stdio: ["ignore", "ignore", "inherit"],
  });

  return {
    description: `Erlang/OTP ${release}, one scheduler`,
    run(group, until) {
      if (group === "elixir") {
        const options = { env: { ELIXIR_ERL_OPTIONS: "+S 1:1 +fnu" }, until, timeoutMs: 120_000 };
        return runChild(...inRoot("elixir", [`${seen}/ex_bench.exs`]), options);
      }
      if (group === "dist") {
        ask(...inRoot("epmd", ["-daemon"]));
        const node = ["-name", "bb_a@127.0.0.1", "-setcookie", "bb", "-noshell", "-pa", seen, "-s", "bb_dist", "main"];
        return runChild(...inRoot("erl", ["+S", "1:1", ...node]), { until, timeoutMs: 120_000 });
      }
      const call = `logger:set_primary_config(level, none), bb_local:run(${group}), halt().`;
      return runChild(...inRoot("erl", ["+S", "1:1", "+P", "2000000", "-noshell", "-pa", seen, "-eval", call]), {
        timeoutMs: 300_000,
      });
    },
    close: () => rmSync(work, { recursive: true, force: true }),
  };
}

function ask(command: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(command, args, { stdio: ["ignore", "pipe", "ignore"], encoding: "utf8" }).trim();
  } catch {
    return undefined;
  }
}
