/** `npm run cli-page`: writes docs/cli.md from what the command `interlock` says of itself. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { exitCodes, exitMeanings } from "../packages/cli/src/commands/exit-code.ts";
import { interlock } from "../packages/cli/src/program.ts";
import type { Terminal } from "../packages/cli/src/ui/terminal.ts";
import { root } from "./step.ts";

const WIDTH = 100;

const introduction = `# The command interlock

<!-- Written by \`npm run cli-page\` from packages/cli/src/program.ts. -->

What programs read goes to stdout, everything else to stderr. Reading commands take \`-o table|json|yaml\`; JSON is stable, and an error is then
JSON too: \`{ "error": { "code", "message", "details", "try" } }\`. Colour is for terminals, and never the only sign: \`NO_COLOR\` and
\`FORCE_COLOR\` are obeyed. \`--verbose\`, before the command, shows where an error comes from.

## Exit codes

| code | means |
|---|---|
`;

/** The page as it has to be. */
export function cliPage(): string {
  const terminal: Terminal = {
    out: process.stdout,
    talk: process.stderr,
    connect: () => Promise.reject(new Error("no")),
  };
  const { commands } = interlock(terminal, () => undefined);
  const codes = Object.entries(exitCodes).map(
    ([name, code]) => `| ${code} | ${exitMeanings[name as keyof typeof exitMeanings]} |\n`,
  );
  const sections = commands.map((command) => {
    const help = command.configureOutput({ getOutHelpWidth: () => WIDTH }).helpInformation();
    return `\n## interlock ${command.name()}\n\n\`\`\`\n${help.trim()}\n\`\`\`\n`;
  });
  return [introduction, ...codes, ...sections].join("");
}

if (import.meta.main) writeFileSync(join(root, "docs", "cli.md"), cliPage());
