/**
 * `npm run evaluate`: the same faults against four deployments on the Kubernetes of KUBECONFIG, else of ../shared/kubernetes;
 * writes docs/evaluation.md, its plots and its numbers. How another cluster is given: e2e/kubernetes.ts, and machine.ts here.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { kubectl, type Namespace, namespaceFor, root, say } from "../../e2e/kubernetes.ts";
import { claimsOn } from "./check.ts";
import { type Experiment, experiment, type Prepared, prepare } from "./experiment.ts";
import { type Fault, faults } from "./faults.ts";
import { makeImages } from "./image.ts";
import { deployNewsroomTarget } from "./newsroom.ts";
import { deployService } from "./plain-service.ts";
import { plotsOf } from "./plots.ts";
import { pageOf } from "./report.ts";
import { type Environment, merged, type Omission, type Results } from "./results.ts";
import { type DeploymentName, deploymentNames, type Target } from "./target.ts";
import { machines } from "./visitors.ts";

const usage = `npm run evaluate -- [--faults a,b] [--deployments x,y] [--quick] [--check] [--render] [--out docs]

  --faults       ${faults.map(({ name }) => name).join(", ")}
  --deployments  ${deploymentNames.join(", ")}
  --quick        watches for half as long where that is enough, and leaves out what is done to nobody
  --check        ends with 1 where something does not hold that has to; prints each
  --render       writes the page of what was measured before
  --out          the folder, which keeps what was measured before and is not measured now; default docs`;

const { values } = parseArgs({
  options: {
    faults: { type: "string" },
    deployments: { type: "string" },
    quick: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    render: { type: "boolean", default: false },
    out: { type: "string", default: "docs" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(`${usage}\n`);
  process.exit(0);
}

const out = resolve(root, values.out);
const numbers = join(out, "evaluation.json");
const before = await readFile(numbers, "utf8").then(
  (text) => JSON.parse(text) as Results,
  () => undefined,
);
if (values.render) {
  if (before === undefined) throw new Error(`There is no ${numbers} to render`);
  await writePage(before);
} else {
  const now = await evaluate(
    chosen(faults, values.faults, ({ name }) => name).filter(({ name }) => !values.quick || name !== "calm"),
    chosen(deploymentNames, values.deployments, (name) => name),
  );
  if (values.check) {
    const claims = claimsOn(now);
    for (const { holds, text } of claims) process.stdout.write(`${holds ? "✓" : "✗"} ${text}\n`);
    const failed = claims.filter(({ holds }) => !holds).length;
    process.stdout.write(`${claims.length - failed} passed, ${failed} failed\n`);
    if (failed > 0 || claims.length === 0) process.exitCode = 1;
  }
}

function chosen<Thing>(
  all: readonly Thing[],
  names: string | undefined,
  nameOf: (thing: Thing) => string,
): readonly Thing[] {
  if (names === undefined) return all;
  const unknown = names.split(",").find((name) => !all.some((one) => nameOf(one) === name));
  if (unknown === undefined) return all.filter((one) => names.split(",").includes(nameOf(one)));
  process.stderr.write(`There is no ${unknown}.\n\n${usage}\n`);
  return process.exit(2);
}

async function evaluate(these: readonly Fault[], names: readonly DeploymentName[]): Promise<Results> {
  const about = await environment().catch((cause: Error) => {
    process.stderr.write(`No Kubernetes answers: set KUBECONFIG, or run ../shared/kubernetes/up.\n${cause.message}\n`);
    return process.exit(1);
  });
  await makeImages();
  await using namespaces = new AsyncDisposableStack();
  const targets: Target[] = [];
  const omissions: Omission[] = [];
  // One after the other: a machine that starts all of them at once has no time left for any.
  for (const name of names) {
    const namespace = namespaces.use(await namespaceFor(name));
    try {
      targets.push(await deploy(name, namespace));
    } catch (error) {
      omissions.push(...these.map((fault) => ({ deployment: name, fault: fault.name, problem: said(error) })));
    }
  }
  const done: Experiment[] = [];
  const attempt = async <Result>(
    target: Target,
    fault: Fault,
    act: () => Promise<Result>,
  ): Promise<Result | undefined> => {
    try {
      return await act();
    } catch (error) {
      omissions.push({ deployment: target.name, fault: fault.name, problem: said(error) });
      return undefined;
    }
  };
  const results = (): Results => ({
    environment: about,
    costs: done.flatMap(({ cost }) => (cost === undefined ? [] : [cost])),
    runs: done.map(({ run }) => run),
    omissions,
  });
  for (const fault of these) {
    const timed = values.quick ? { ...fault, seconds: quickly(fault) } : fault;
    const prepared = await preparations(targets, timed, attempt);
    // At the same moment, so that all of them have the same machine.
    await Promise.all(
      prepared.map((one) =>
        attempt(one.target, fault, async () => {
          done.push(await experiment(one));
        }),
      ),
    );
    // Whoever ends this halfway keeps what was measured.
    await writePage(merged(before, results()));
  }
  return results();
}

async function preparations(
  targets: readonly Target[],
  fault: Fault,
  attempt: <Result>(target: Target, fault: Fault, act: () => Promise<Result>) => Promise<Result | undefined>,
): Promise<readonly Prepared[]> {
  if (fault.isOfMachine !== true) {
    const all = await Promise.all(targets.map((target) => attempt(target, fault, () => prepare(target, fault))));
    return all.filter((one) => one !== undefined);
  }
  const prepared: Prepared[] = [];
  // The one with the most pods first: where its room is nobody can choose.
  for (const target of targets.toReversed()) {
    const machine = prepared[0]?.victim.node;
    const one = await attempt(target, fault, () => prepare(target, fault, machine));
    if (one !== undefined) prepared.push(one);
  }
  return prepared;
}

function said(error: unknown): string {
  const problem = String(error).slice(0, 500);
  say(`could not be measured: ${problem}`);
  return problem;
}

function deploy(name: DeploymentName, namespace: Namespace): Promise<Target> {
  return name === "newsroom-1" || name === "newsroom-3"
    ? deployNewsroomTarget(name, namespace)
    : deployService(name, namespace);
}

/** A rollout takes the time that it takes. */
function quickly({ planned, seconds }: Fault): number {
  return planned === undefined ? Math.ceil(seconds / 2) : seconds;
}

async function environment(): Promise<Environment> {
  const version = JSON.parse(await kubectl("version", "-o", "json")) as { serverVersion: { gitVersion: string } };
  return {
    processor: cpus()[0]?.model ?? "?",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    nodeJs: process.version,
    kubernetes: version.serverVersion.gitVersion,
    nodes: (await machines()).length,
  };
}

async function writePage(results: Results): Promise<void> {
  await mkdir(join(out, "evaluation"), { recursive: true });
  await writeFile(numbers, `${JSON.stringify(results, undefined, 1)}\n`);
  // Of nothing there is no plot.
  const plots = results.runs.length > 0 ? await plotsOf(results) : [];
  for (const { name, svg } of plots) await writeFile(join(out, "evaluation", name), svg);
  await writeFile(join(out, "evaluation.md"), pageOf(results));
  say(`${join(values.out, "evaluation.md")} is written`);
}
