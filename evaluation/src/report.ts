/** The page `docs/evaluation.md`, from the results. Pure. */
import { type Fault, faults } from "./faults.ts";
import { conditions, deployments, doneBy, limits } from "./prose.ts";
import type { Cost, Results, Run } from "./results.ts";
import { type DeploymentName, deploymentNames } from "./target.ts";

const requestsPlot = `![Requests answered in each second](evaluation/requests.svg)

In each second around the fault, which begins at 0: the share of the requests that was answered.`;

const otherPlots = `## Healing and state

![Time to heal](evaluation/healing.svg)

![State lost](evaluation/state.svg)`;

export function pageOf(results: Results): string {
  return `${[
    "# The evaluation",
    "<!-- Written by `npm run evaluate` from docs/evaluation.json; `npm run evaluate -- --render` writes it again. -->",
    "The same faults against four deployments on the same Kubernetes, while visitors are there who never send a request twice.",
    deployments,
    overview(results),
    ...(results.runs.length > 0 ? [requestsPlot] : []),
    "## How it was measured",
    conditions(results),
    "## What was measured",
    ...faults.map((fault) => faultSection(fault, results)),
    ...(results.runs.length > 0 ? [otherPlots] : []),
    "## What it costs",
    costs(results.costs),
    "## What this does not solve",
    limits,
    "## Again",
    doneBy,
  ].join("\n\n")}\n`;
}

/** One cell a run: the requests that were lost, and of the state. */
function overview(results: Results): string {
  const rows = faults
    .filter(({ name }) => name !== "calm")
    .map(({ name, title }) => [title, ...deploymentNames.map((deployment) => overviewCell(results, name, deployment))]);
  return [
    "Requests lost of those that were sent; state lost of the last 40 messages in the chat's room; time to heal. –: not measured.",
    table(["", ...deploymentNames], rows),
  ].join("\n\n");
}

function overviewCell(results: Results, fault: string, deployment: DeploymentName): string {
  const run = runOf(results, fault, deployment);
  if (run === undefined) return "–";
  const { lost, requests, stateLost } = run.measured;
  return `${lost} of ${requests}; ${stateLost}; ${healed(run)}`;
}

function faultSection({ name, title, what }: Fault, results: Results): string {
  const runs = deploymentNames.flatMap((deployment) => runOf(results, name, deployment) ?? []);
  const omitted = results.omissions.filter(({ fault }) => fault === name);
  const missing = deploymentNames.filter(
    (deployment) =>
      !runs.some((run) => run.deployment === deployment) && !omitted.some((one) => one.deployment === deployment),
  );
  const header = [
    "",
    "availability",
    "requests lost",
    "time to heal",
    "longest gap of a user",
    "messages lost, doubled",
    "state lost",
    "healed by",
  ];
  const remarks = [
    ...runs.flatMap(remarksOn),
    ...omitted.map(({ deployment, problem }) => `**${deployment}** could not be measured: ${problem.split("\n")[0]}`),
    ...(missing.length > 0 ? [`Not measured: ${missing.join(", ")}.`] : []),
  ];
  return [
    `### ${title}`,
    what,
    ...(runs.length > 0 ? [table(header, runs.map(row))] : []),
    ...(remarks.length > 0 ? [remarks.map((remark) => `* ${remark}`).join("\n")] : []),
  ].join("\n\n");
}

function row(run: Run): readonly string[] {
  const { availability, lost, longestGapMs, messages, messagesDoubled, messagesLost, requests, stateLost } =
    run.measured;
  return [
    run.deployment,
    percent(availability),
    `${lost} of ${requests}`,
    healed(run),
    longestGapMs === undefined ? "not back" : seconds(longestGapMs),
    `${messagesLost}, ${messagesDoubled} of ${messages}`,
    `${stateLost} of 40`,
    run.rungs.join(", ") || "–",
  ];
}

function remarksOn({ deployment, measured, notes }: Run): readonly string[] {
  const errors = Object.entries(measured.errors).map(([error, times]) => `${error} ${times}×`);
  return [
    ...notes.map((note) => `**${deployment}**: ${oneLine(note)}`),
    ...(measured.tickerAway > 1
      ? [`**${deployment}**: the ticker had no news for about ${measured.tickerAway} s.`]
      : []),
    ...(errors.length > 0 ? [`**${deployment}** lost: ${errors.join(", ")}`] : []),
  ];
}

function costs(all: readonly Cost[]): string {
  const rows = deploymentNames.flatMap((deployment) =>
    all
      .filter((cost) => cost.deployment === deployment)
      .map(({ cpuPercent, residentMiB, startSeconds }) => [
        deployment,
        `${residentMiB} MiB`,
        `${cpuPercent} %`,
        `${startSeconds} s`,
      ]),
  );
  if (rows.length === 0) return "Not measured.";
  return [
    "Of one pod, with the visitors and without a fault. The start is from the pod's making to its being ready, in whole seconds.",
    table(["", "resident memory", "of one core", "start"], rows),
  ].join("\n\n");
}

const runOf = ({ runs }: Results, fault: string, deployment: DeploymentName): Run | undefined =>
  runs.find((run) => run.fault === fault && run.deployment === deployment);

const healed = ({ measured: { healMs, seconds: watched }, injectedAt }: Run): string =>
  healMs === undefined ? `not in ${watched - injectedAt} s` : seconds(healMs);

const seconds = (ms: number): string => (ms === 0 ? "0" : `${(ms / 1_000).toFixed(1)} s`);

/** A loss is never rounded away. */
const percent = (share: number): string =>
  share === 1 ? "100 %" : `${(Math.floor(share * 10_000) / 100).toFixed(2)} %`;

const oneLine = (text: string): string =>
  text
    .replaceAll(/\s*\n\s*/g, " ")
    .replaceAll("|", "\\|")
    .trim();

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(header), `|${header.map(() => "---").join("|")}|`, ...rows.map(line)].join("\n");
}
