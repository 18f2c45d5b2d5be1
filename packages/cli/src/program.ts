/** The command `interlock` with all that it takes. Each command's file is loaded when it is called, so that help comes at once. */
import { Command } from "commander";
import { exitCodes } from "./commands/exit-code.ts";
import type { Terminal } from "./ui/terminal.ts";

/** `ends` is told of the exit code when a command that has not failed ends with another than 0. */
export function interlock(terminal: Terminal, ends: (code: number) => void): Command {
  const program = new Command("interlock")
    .description("Supervised TypeScript services, here and on Kubernetes.")
    .option("--verbose", "show where an error comes from")
    .showSuggestionAfterError()
    .addHelpText("after", () => `\nExit codes: ${codes()}. All of it: docs/cli.md`);

  program
    .command("new")
    .description("make a project that runs: a tree, an endpoint, a test, and its way to Kubernetes")
    .argument("<name>", "of the project, and of its folder")
    .action(async (name) => (await import("./commands/new.ts")).newProject(name, terminal));

  program
    .command("deploy")
    .description("send the application to Kubernetes, and follow it until it is there")
    .option("-f, --file <path>", "what the application is", "interlock.yaml")
    .option("--image <image>", "what runs; default: what the file says")
    .option("-n, --namespace <name>", "default: the context's")
    .option("--context <name>", "of the kubeconfig; default: the current one")
    .option("--create-namespace", "make it if it is not there")
    .option("--dry-run", "print the objects as they would be applied, as YAML or JSON, and do nothing")
    .option(
      "--rotate <what>",
      "cookie or certificates: change what its nodes know each other by, while they run, and nothing else",
    )
    .option("--no-wait", "do not follow the rollout")
    .option("-w, --watch", "show the pods meanwhile, as status -w does")
    .option("--plain", "a line for each step, on a terminal too")
    .option("--timeout <seconds>", "how long to follow it", "600")
    .option("-o, --output <format>", "table, json or yaml: what was done, or with --dry-run the objects", "table")
    .action(async (options) => (await import("./commands/deploy.ts")).deploy(options, terminal));

  program
    .command("release")
    .description("pack the application and all that it needs into an image, without a container engine")
    .option("-f, --file <path>", "what the application is", "interlock.yaml")
    .option("--base <image>", "an image with Node.js: the OCI archive of one, or its name in a registry")
    .option("--push <image>", "a registry's name for it, where it is sent: registry:5000/team/bank:1.4.0")
    .option("--tag <tag>", "default: the application's name and the version in its package.json")
    .option("--out <folder>", "where the image and the list of its parts go", "release")
    .option("--thin", "leave out the base's layers, for machines that have them")
    .option("-o, --output <format>", "table, json or yaml", "table")
    .action(async (options) => (await import("./commands/release.ts")).release(options, terminal));

  program
    .command("dev")
    .description("run the application from its sources, and again with every file that is saved")
    .argument("[entry]", "its program; default: spec.entry of interlock.yaml, else main of package.json")
    .option("-f, --file <path>", "what the application is", "interlock.yaml")
    .option("-p, --port <port>", "of the one URL that stays; 0 takes any that is free", "3000")
    .action(async (entry, options) => (await import("./commands/dev.ts")).dev(entry, options, terminal));

  program
    .command("run")
    .description("run the application here: its signals, its probes and its drain are those of a pod")
    .argument("[entry]", "its program; default: spec.entry of interlock.yaml, else main of package.json")
    .option("-f, --file <path>", "what the application is", "interlock.yaml")
    .action(async (entry, options) => (await import("./commands/run.ts")).run(entry, options));

  program
    .command("status")
    .description("how the application on Kubernetes is: its pods, why they are not ready, its rollout")
    .argument("[app]", "default: the one of interlock.yaml")
    .option("-f, --file <path>", "what the application is", "interlock.yaml")
    .option("-n, --namespace <name>", "default: the context's")
    .option("--context <name>", "of the kubeconfig; default: the current one")
    .option("-w, --watch", "go on: draw it anew on a terminal, else a line for each change")
    .option("-o, --output <format>", "table, json or yaml", "table")
    .action(async (app, options) => ends(await (await import("./commands/status.ts")).status(app, options, terminal)));

  program
    .command("undo")
    .description("go back to the version before, or to a revision that is kept")
    .argument("[app]", "default: the one of interlock.yaml")
    .option("-f, --file <path>", "what the application is", "interlock.yaml")
    .option("-n, --namespace <name>", "default: the context's")
    .option("--context <name>", "of the kubeconfig; default: the current one")
    .option("--to <revision>", "default: the one before")
    .option("--dry-run", "say what it would do, and do nothing")
    .option("--no-wait", "do not follow the rollout")
    .option("--timeout <seconds>", "how long to follow it", "600")
    .action(async (app, options) => (await import("./commands/undo.ts")).undo(app, options, terminal));

  program
    .command("doctor")
    .description("what is wrong here or on Kubernetes: each with its cause, and what to try")
    .option("-f, --file <path>", "what the application is", "interlock.yaml")
    .option("-n, --namespace <name>", "default: the context's")
    .option("--context <name>", "of the kubeconfig; default: the current one")
    .option("-o, --output <format>", "table, json or yaml", "table")
    .action(async (options) => ends(await (await import("./commands/doctor.ts")).doctor(options, terminal)));

  asking(program.command("nodes"))
    .description("the nodes of the application: how long they are up, what runs there, whom they are connected to")
    .action(async (options) => ends(await (await import("./commands/nodes.ts")).nodes(options, terminal)));

  asking(program.command("ps"))
    .description("the processes of its nodes")
    .argument("[node]", "a pod, a launcher's node, a name or an address; default: all")
    .option("-s, --sort <order>", "mailbox, reductions or age", "reductions")
    .option("-l, --limit <number>", "of each node", "20")
    .action(async (node, options) => ends(await (await import("./commands/ps.ts")).ps(node, options, terminal)));

  asking(program.command("tree"))
    .description("the supervision trees of its nodes")
    .argument("[node]", "a pod, a launcher's node, a name or an address; default: all")
    .action(async (node, options) => ends(await (await import("./commands/tree.ts")).tree(node, options, terminal)));

  asking(program.command("crashes"))
    .description("what has failed on its nodes since they started, the last fifty of each")
    .argument("[node]", "a pod, a launcher's node, a name or an address; default: all")
    .option("--full", "with stack, message and state")
    .action(async (node, options) =>
      ends(await (await import("./commands/crashes.ts")).crashes(node, options, terminal)),
    );

  reaching(program.command("remote"))
    .description("a prompt beside a node: ps(), tree(), crashes() and more; what is typed runs here")
    .argument("<node>", "a pod, a launcher's node, a name or an address")
    .option("--write", "call(server, method, …) and cast(…) as well: what they do there is the server's affair")
    .action(async (node, options) => (await import("./commands/remote.ts")).remote(node, options, terminal));

  program
    .command("explain")
    .description("what the code of an error means, and what to try")
    .argument("[code]", "default: lists all of them")
    .option("-o, --output <format>", "table, json or yaml", "table")
    .action(async (code, options) => (await import("./commands/explain.ts")).explain(code, options, terminal));

  return program;
}

/** Which nodes: those of the pod that it runs in, of a launcher on this machine, or on Kubernetes. */
function reaching(command: Command): Command {
  return command
    .option("-f, --file <path>", "what the application is", "interlock.yaml")
    .option("-a, --app <name>", "default: the one of interlock.yaml")
    .option("--local", "of a launcher on this machine, and no others; default: those, else Kubernetes")
    .option("--launcher <pid>", "of that one, where several run the same application")
    .option("-n, --namespace <name>", "on Kubernetes; default: the context's")
    .option("--context <name>", "of the kubeconfig; default: the current one");
}

function asking(command: Command): Command {
  return reaching(command).option("-o, --output <format>", "table, json or yaml", "table");
}

function codes(): string {
  const words = {
    timedOut: "timed out",
    notFound: "not found",
    rolloutFailed: "rollout failed",
  } as Readonly<Record<string, string>>;
  return Object.entries(exitCodes)
    .map(([name, code]) => `${code} ${words[name] ?? name}`)
    .join(", ");
}
