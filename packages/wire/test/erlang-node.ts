/** A real Erlang node for tests: on loopback, with an EPMD of the test, and a process `tester` that evaluates text. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** BEAM_ROOT names a root in which another Erlang is installed, as for the benchmarks. */
const root = process.env["BEAM_ROOT"];

function command(args: readonly string[]): [string, string[]] {
  return root === undefined ? ["erl", [...args]] : ["chroot", [root, "erl", ...args]];
}

/** The release of OTP that is installed, or undefined. */
export function erlangRelease(): string | undefined {
  const print = "io:put_chars(erlang:system_info(otp_release)), halt().";
  const { status, stdout } = spawnSync(...command(["-noshell", "-boot", "start_clean", "-eval", print]));
  return status === 0 ? stdout.toString() : undefined;
}

const TESTER = `
Loop = fun Loop() ->
  receive {eval, From, Tag, Text} ->
    Answer = try
      {ok, Tokens, _} = erl_scan:string(unicode:characters_to_list(Text)),
      {ok, Expressions} = erl_parse:parse_exprs(Tokens),
      {value, Value, _} = erl_eval:exprs(Expressions, [{'From', From}]),
      {Tag, ok, Value}
    catch Class:Reason -> {Tag, error, {Class, Reason}} end,
    From ! Answer,
    Loop()
  end
end,
register(tester, spawn(Loop)),
io:format("ready~n").
`.replaceAll(/\s+/g, " ");

export interface ErlangNode {
  readonly name: string;
  close(): Promise<void>;
}

export function startErlang(name: string, cookie: string, epmdPort: number): Promise<ErlangNode> {
  const home = mkdtempSync(join(tmpdir(), "interlock-erlang-"));
  const child: ChildProcess = spawn(
    ...command([
      ...["-noinput", "-boot", "start_clean", "-start_epmd", "false", "-name", name, "-setcookie", cookie],
      ...["-kernel", "inet_dist_use_interface", "{127,0,0,1}", "-eval", TESTER],
    ]),
    {
      env: { ...process.env, HOME: root === undefined ? home : "/tmp", ERL_EPMD_PORT: String(epmdPort) },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => {
      rmSync(home, { recursive: true, force: true });
      resolve();
    });
  });
  return new Promise((resolve, reject) => {
    let said = "";
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`erl has ended: ${said}`)));
    child.stdout?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (!said.includes("ready")) return;
      const close = (): Promise<void> => {
        child.kill("SIGKILL");
        return ended;
      };
      resolve({ name, close });
    });
  });
}
