/** `interlock status`: how the application on Kubernetes is, once or as it changes. */
import { nodeRuntime } from "@interlock/core";
import { type AppState, appState, type PodState } from "../inspect/app-state.ts";
import { isPassing, readApp } from "../inspect/read-app.ts";
import { whichApp } from "../inspect/which-app.ts";
import { coloured, signs } from "../ui/colour.ts";
import { answer, formatOf } from "../ui/output.ts";
import { age, table } from "../ui/table.ts";
import type { Terminal, TextStream } from "../ui/terminal.ts";
import { exitCodes } from "./exit-code.ts";

export interface StatusOptions {
  readonly file: string;
  readonly namespace?: string;
  readonly context?: string;
  readonly watch?: boolean;
  readonly output?: string;
  /** Ends a watch. */
  readonly signal?: AbortSignal;
}

const LOOK_MS = 1_000;
/** Back to the first line, and nothing below it. */
const AGAIN = "\u001B[H\u001B[J";

/** @returns the exit code. **Errors** those of the API server; `INTERLOCK_KUBERNETES_NOT_FOUND`, `INTERLOCK_APP_FILE`. */
export async function status(named: string | undefined, options: StatusOptions, terminal: Terminal): Promise<number> {
  const format = formatOf(options.output);
  const app = await whichApp(named, options.file);
  const connection = await terminal.connect(options.context);
  const { api } = connection;
  const { out } = terminal;
  const look = async (): Promise<AppState> =>
    appState(await readApp(connection, { app, namespace: options.namespace ?? api.namespace }));
  try {
    let state = await look();
    if (options.watch !== true) await answer(state, format, out, (value) => drawn(value, out));
    else {
      let before = "";
      while (options.signal?.aborted !== true) {
        const isDrawn = out.isTTY === true && format === "table";
        // Ages change all the time: on a terminal they are drawn anew, elsewhere only news is a line.
        const line = format === "table" ? lineOf(state) : JSON.stringify(state);
        if (isDrawn) out.write(`${AGAIN}${drawn(state, out)}`);
        else if (line !== before) out.write(`${line}\n`);
        before = line;
        await new Promise<void>((resolve) => void api.runtime.timers.set(() => resolve(), LOOK_MS));
        state = await look().catch((error: unknown) => {
          // Whoever watches a rollout wants to see the rest of it.
          if (!isPassing(error)) throw error;
          terminal.talk.write(`${signs.waiting(terminal.talk)} ${error.message}\n`);
          return state;
        });
      }
    }
    return state.degraded ? exitCodes.degraded : exitCodes.ok;
  } finally {
    api.close();
  }
}

/** Shows the application to whoever waits for something else: drawn anew on a terminal, else a line for each change. */
export function watcher({ talk }: Terminal): (state: AppState) => void {
  let before = "";
  return (state) => {
    const line = lineOf(state);
    if (talk.isTTY === true) talk.write(`${AGAIN}${drawn(state, talk)}`);
    else if (line !== before) talk.write(`${line}\n`);
    before = line;
  };
}

const SIGNS: Readonly<Record<PodState, (stream: TextStream) => string>> = {
  ready: signs.good,
  starting: signs.waiting,
  "not ready": signs.waiting,
  draining: signs.ending,
  failed: signs.bad,
};

/** The application as a person reads it: a sentence, and a row for each pod. */
function drawn(state: AppState, out: TextStream): string {
  const nowMs = nodeRuntime.clock.wallTime();
  const head = ["  POD", "VERSION", "REV", "STATE", "RESTARTS", "AGE", "MACHINE", "WHY"];
  const rows = state.pods.map((pod) => [
    `${SIGNS[pod.state](out)} ${pod.name}`,
    pod.version,
    String(pod.revision ?? "?"),
    pod.state,
    pod.restarts === 0 ? "0" : coloured("yellow", String(pod.restarts), out),
    pod.since === undefined ? "" : age(Date.parse(pod.since), nowMs),
    pod.machine ?? "",
    pod.reasons.join("; "),
  ]);
  const pods = rows.length === 0 ? "" : table([head.map((word) => coloured("gray", word, out)), ...rows], out.columns);
  const sign = state.rollout.type === "failed" ? signs.bad : state.degraded ? signs.waiting : signs.good;
  return `${sign(out)} ${sentenceOf(state)}\n${pods}`;
}

export function sentenceOf({ app, namespace, ready, revision, rollout, wanted }: AppState): string {
  const what = `${app} in ${namespace}: ${ready} of ${wanted} pods ready, revision ${revision ?? "?"}`;
  if (rollout.type === "failed") return `${what}, its rollout cannot succeed: ${rollout.text}`;
  if (rollout.type === "done") return `${what}, rolled out`;
  return `${what}, rolling out: ${rollout.updated} of ${rollout.wanted} pods are new`;
}

/** One line for what has changed. */
function lineOf(state: AppState): string {
  const pods = state.pods.map(({ name, reasons, restarts, revision, state: is }) => {
    const why = reasons.length === 0 ? "" : ` (${reasons.join("; ")})`;
    return `${name} r${revision ?? "?"} ${is}${restarts === 0 ? "" : `, ${restarts} restarts`}${why}`;
  });
  return [sentenceOf(state), ...pods].join(" · ");
}
