#!/usr/bin/env node
/** The command `interlock`. */
import { enableCompileCache } from "node:module";
import { exitCodeOf, exitCodes } from "./commands/exit-code.ts";
import { interlock } from "./program.ts";
import { renderError } from "./ui/error.ts";
import { terminal } from "./ui/terminal.ts";

enableCompileCache();
let format: string | undefined;
const program = interlock(terminal, (code) => {
  process.exitCode = code;
}).hook("preAction", (_, command) => {
  format = command.opts()["output"];
});
for (const command of [program, ...program.commands])
  command.exitOverride((error) => process.exit(error.exitCode === 0 ? exitCodes.ok : exitCodes.usage));

try {
  await program.parseAsync();
} catch (error) {
  process.stderr.write(renderError(error, process.stderr, { format, verbose: program.opts()["verbose"] === true }));
  process.exitCode = exitCodeOf(error);
}
