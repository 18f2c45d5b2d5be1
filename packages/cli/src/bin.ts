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

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(renderError(error, process.stderr));
  process.exitCode = exitCodeOf(error);
}
