#!/usr/bin/env node
/** The command `interlock`. Each command's file is loaded when it is called, so that help comes at once. */
import { Command } from "commander";
import { exitCodeOf, exitCodes } from "./commands/exit-code.ts";
import { renderError } from "./ui/error.ts";

const program = new Command("interlock")
  .description("Supervised TypeScript services, here and on Kubernetes.")
  .showSuggestionAfterError()
  .exitOverride((error) => process.exit(error.exitCode === 0 ? exitCodes.ok : exitCodes.usage));

program
  .command("deploy")
  .description("send the application to Kubernetes, and follow it until it is there")
  .option("-f, --file <path>", "what the application is", "interlock.yaml")
  .option("--image <image>", "what runs; default: what the file says")
  .option("-n, --namespace <name>", "default: the context's")
  .option("--context <name>", "of the kubeconfig; default: the current one")
  .option("--dry-run", "print the objects and do nothing")
  .option("--no-wait", "do not follow the rollout")
  .option("--timeout <seconds>", "how long to follow it", "600")
  .action(async (options) => (await import("./commands/deploy.ts")).deploy(options));

program
  .command("release")
  .description("pack the application and all that it needs into an image, without a container engine")
  .option("-f, --file <path>", "what the application is", "interlock.yaml")
  .option("--base <archive>", "the OCI archive of an image with Node.js")
  .option("--tag <tag>", "default: the application's name and the version in its package.json")
  .option("--out <folder>", "where the image and the list of its parts go", "release")
  .option("--thin", "leave out the base's layers, for machines that have them")
  .action(async (options) => (await import("./commands/release.ts")).release(options));

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(renderError(error, process.stderr));
  process.exitCode = exitCodeOf(error);
}
