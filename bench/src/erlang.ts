/**
 * The Erlang programs of `shared/baselines/beam`, run as they are, each group of rows in a fresh Erlang VM with one scheduler.
 *
 * `bb_local:main` runs all groups in one go; here they are called one by one (compiled with `export_all`), so that each stands
 * between two of ours. As in `main` the logger is off, so BEAM does not build supervisor reports, and ours does.
 */

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Outcome, runChild } from "./child.ts";
import { MESH_NODES, QUICK_MESH_NODES } from "./rows.ts";

export interface Erlang {
  readonly description: string;
  /** Runs one group of `bb_local`, or `elixir`, `dist`, `tls` (two nodes) or `mesh` up to the figure `until`. */
  run(group: string, until: string, settings: { readonly quick: boolean }): Promise<Outcome>;
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

  /** What `-ssl_dist_optfile` names, as erl sees it. */
  const certificates = (): string => {
    const folder = join(work, "tls");
    if (!existsSync(folder)) {
      mkdirSync(folder);
      execFileSync("sh", [join(programs, "make-certs.sh"), `${seen}/tls`], { cwd: folder, stdio: "ignore" });
    }
    return `${seen}/tls/ssl_dist.conf`;
  };

  return {
    description: `Erlang/OTP ${release}, one scheduler`,
    async run(group, until, { quick }) {
      if (group === "elixir") {
        const options = { env: { ELIXIR_ERL_OPTIONS: "+S 1:1 +fnu" }, until, timeoutMs: 120_000 };
        return runChild(...inRoot("elixir", [`${seen}/ex_bench.exs`]), options);
      }
      if (group === "dist" || group === "tls" || group === "mesh") {
        ask(...inRoot("epmd", ["-daemon"]));
        const nodes = quick ? QUICK_MESH_NODES : MESH_NODES;
        const secure = group === "tls" ? ["-proto_dist", "inet_tls", "-ssl_dist_optfile", certificates()] : [];
        const parts = group === "mesh" ? ["mesh", String(nodes)] : group === "tls" ? ["tls"] : [];
        const main = ["-name", "bb_a@127.0.0.1", "-setcookie", "bb", "-noshell", "-pa", seen, "-s", "bb_dist", "main"];
        const named = until.replace(/^mesh_/, `mesh_${nodes}_`);
        const options = { until: named, timeoutMs: 300_000 };
        const { figures, failure } = await runChild(
          ...inRoot("erl", ["+S", "1:1", ...secure, ...main, ...parts]),
          options,
        );
        // Its figures have the number of nodes in their names.
        const renamed = [...figures].map(
          ([name, figure]) => [name.replace(`mesh_${nodes}_`, "mesh_"), figure] as const,
        );
        return { figures: new Map(renamed), failure };
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
