/** One run: every measurement in a fresh process, ours and BEAM's taking turns, medians over the rounds on both sides. */

import { availableParallelism, cpus } from "node:os";
import { join, resolve } from "node:path";
import { build } from "./build.ts";
import { type Outcome, runChild } from "./child.ts";
import { findErlang } from "./erlang.ts";
import { median } from "./figure.ts";
import { columns, formatNumber, type Result } from "./report.ts";
import { containmentLimit, mailboxPeers, type PeerFigure, peers, type Row, rows } from "./rows.ts";

export interface Settings {
  readonly quick: boolean;
  readonly rounds: number;
  /** Names of rows; a name stands for its containment row too. */
  readonly only: readonly string[] | undefined;
  readonly beam: boolean;
  readonly peers: boolean;
}

export interface Benched {
  readonly results: readonly Result[];
  readonly notes: readonly string[];
  /** Whether a program of ours failed. */
  readonly broken: boolean;
}

const repository = resolve(import.meta.dirname, "../..");

/** One figure a round for each key, and the reasons of those that are missing. */
class Samples {
  readonly #values = new Map<string, number[]>();
  readonly failures = new Map<string, string>();

  add(side: string, program: string, { figures, failure }: Outcome): void {
    for (const [name, { value }] of figures) {
      const key = `${side} ${name}`;
      const list = this.#values.get(key);
      if (list === undefined) this.#values.set(key, [value]);
      else list.push(value);
    }
    if (failure !== undefined) this.failures.set(`${side} ${program}`, failure);
  }

  get(side: string, figure: string): number | null {
    const list = this.#values.get(`${side} ${figure}`);
    return list === undefined ? null : median(list);
  }
}

export async function bench(settings: Settings, progress: (line: string) => void): Promise<Benched> {
  const asked = rows.filter(({ name, slow }) => settings.only?.includes(name) ?? !(slow && settings.quick));
  if (settings.only !== undefined && asked.length < settings.only.length) {
    const unknown = settings.only.filter((name) => rows.every((row) => row.name !== name));
    throw new Error(`no row is called ${unknown.join(", ")}; there are ${rows.map(({ name }) => name).join(", ")}`);
  }

  const notes = [
    `Node.js ${process.version}, ${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores`,
  ];
  const samples = new Samples();
  const erlang = settings.beam ? findErlang(repository) : "BEAM was left out (--no-beam).";
  notes.push(typeof erlang === "string" ? erlang : erlang.description);

  const unbuilt = build(repository);
  if (unbuilt !== undefined) throw new Error(unbuilt);

  for (const program of programsOf(asked)) {
    for (let round = 1; round <= settings.rounds; round++) {
      progress(`${program.file} ${program.program}, round ${round} of ${settings.rounds}`);
      samples.add("ours", program.program, await startOurs(program, settings));
      if (typeof erlang !== "string") {
        for (const [group, figure] of program.groups)
          samples.add("beam", group, await erlang.run(group, figure, settings));
      }
      for (const [file, name] of program.beside) samples.add("beside", name, await startBeside(file, name, settings));
      if (program.contained)
        samples.add("uncontained", program.program, await startOurs(program, settings, { containment: "off" }));
    }
  }
  if (typeof erlang !== "string") erlang.close();

  if (!settings.peers) notes.push("The peers were left out (--no-peers).");
  else if (asked.some(({ measure }) => measure.against === "peers")) {
    for (let round = 1; round <= settings.rounds; round++) {
      for (const peer of peers) {
        progress(`peer ${peer}, round ${round} of ${settings.rounds}`);
        for (const part of ["speed", "memory"]) samples.add("peer", peer, await startPeer(peer, part, settings));
      }
    }
    notes.push(peerTable(samples));
  }

  for (const [what, why] of samples.failures) notes.push(`${what} failed: ${why}`);
  const broken = [...samples.failures.keys()].some((what) => /^(ours|uncontained) /.test(what));
  return {
    results: [...asked.map((row) => resultOf(row, samples)), ...containmentResults(asked, samples)],
    notes,
    broken,
  };
}

function resultOf({ name, unit, better, atLeast, figure, measure }: Row, samples: Samples): Result {
  const ours = samples.get("ours", figure);
  const none = { name, unit, ours, beam: null, peer: null, atLeast };
  const times = (other: number | null): number | null =>
    ours === null || other === null ? null : better === "higher" ? ours / other : other / ours;
  switch (measure.against) {
    case "beam": {
      const beam = samples.get("beam", measure.figure);
      return { ...none, beam, ratio: times(beam) };
    }
    case "limit": {
      const beam = measure.shown === undefined ? null : samples.get("beam", measure.shown.figure);
      return { ...none, beam, ratio: times(measure.limit) };
    }
    case "beside": {
      const peer = samples.get("beside", measure.figure);
      return { ...none, peer, peerName: measure.name, ratio: times(peer) };
    }
    case "peers": {
      const best = bestPeer(measure.figure, better, samples);
      if (best === undefined) return { ...none, ratio: null };
      return { ...none, peer: best.value, peerName: best.peer, ratio: times(best.value) };
    }
  }
}

function bestPeer(
  figure: PeerFigure,
  better: Row["better"],
  samples: Samples,
): { readonly peer: string; readonly value: number } | undefined {
  const known = mailboxPeers.flatMap((peer) => {
    const value = samples.get("peer", `${peer}.${figure}`);
    return value === null ? [] : [{ peer, value }];
  });
  return known.sort((left, right) => (better === "higher" ? right.value - left.value : left.value - right.value))[0];
}

/** How many times the time a row takes with containment on; the limit divided by it is the ratio. */
function containmentResults(asked: readonly Row[], samples: Samples): readonly Result[] {
  return asked
    .filter(({ measure }) => measure.against === "beam" && measure.contained)
    .map(({ name, better, figure }) => {
      const on = samples.get("ours", figure);
      const off = samples.get("uncontained", figure);
      const ours = on === null || off === null ? null : better === "higher" ? off / on : on / off;
      const ratio = ours === null ? null : containmentLimit / ours;
      return { name: `containment_${name}`, unit: "× time", ours, beam: null, peer: null, ratio, atLeast: 1 };
    });
}

function peerTable(samples: Samples): string {
  const figures: readonly PeerFigure[] = ["call_seq", "call_100", "cast", "start", "bytes"];
  const lines = peers.map((peer) => {
    const mailbox = mailboxPeers.includes(peer) ? "mailbox" : "no mailbox";
    return [peer, mailbox, ...figures.map((figure) => formatNumber(samples.get("peer", `${peer}.${figure}`)))];
  });
  return `\n${columns([["peer", "", ...figures], ...lines], new Set([2, 3, 4, 5, 6]))}\n`;
}

interface Program {
  readonly file: string;
  readonly program: string;
  /** The groups of BEAM that stand beside it, and the last figure needed of each. */
  readonly groups: ReadonlyMap<string, string>;
  /** The programs in `beside/`, by their files. */
  readonly beside: ReadonlyMap<string, string>;
  /** Whether it is run without containment too. */
  readonly contained: boolean;
}

/** Rows that one program prints are measured by one run of it. */
function programsOf(asked: readonly Row[]): readonly Program[] {
  type Growing = Program & {
    readonly groups: Map<string, string>;
    readonly beside: Map<string, string>;
    contained: boolean;
  };
  const byKey = new Map<string, Growing>();
  for (const { file, program, measure } of asked) {
    const key = `${file} ${program}`;
    const one: Growing = byKey.get(key) ?? { file, program, groups: new Map(), beside: new Map(), contained: false };
    byKey.set(key, one);
    if (measure.against === "beside") one.beside.set(measure.file, measure.program);
    if (measure.against === "beam") {
      one.groups.set(measure.group, measure.figure);
      one.contained ||= measure.contained;
    } else if (measure.against === "limit" && measure.shown !== undefined)
      one.groups.set(measure.shown.group, measure.shown.figure);
  }
  return [...byKey.values()];
}

/** A program of ours with the published build; `containment: "off"` only to tell what containment costs. */
function startOurs(
  { file, program }: { readonly file: string; readonly program: string },
  settings: { readonly quick: boolean },
  options: { readonly containment?: "on" | "off" } = {},
): Promise<Outcome> {
  const path = join(import.meta.dirname, "ours", `${file}.ts`);
  const preload = options.containment === "off" ? ["--import", join(import.meta.dirname, "uncontained.ts")] : [];
  return runChild(process.execPath, [...preload, "--expose-gc", path, program], { env: environment(settings) });
}

function startBeside(file: string, program: string, settings: { readonly quick: boolean }): Promise<Outcome> {
  const path = join(import.meta.dirname, "beside", `${file}.ts`);
  return runChild(process.execPath, [path, program], { env: environment(settings), timeoutMs: 120_000 });
}

function startPeer(peer: string, part: string, settings: { readonly quick: boolean }): Promise<Outcome> {
  const path = join(import.meta.dirname, "peers", `${peer}.ts`);
  return runChild(process.execPath, ["--expose-gc", path, part], { env: environment(settings), timeoutMs: 120_000 });
}

function environment({ quick }: { readonly quick: boolean }): Record<string, string> {
  return { NODE_ENV: "production", BENCH_QUICK: quick ? "1" : "0", NODE_OPTIONS: "" };
}
