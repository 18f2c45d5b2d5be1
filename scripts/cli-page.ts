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

## Where nodes are looked for

\`nodes\`, \`ps\`, \`tree\`, \`crashes\` and \`remote\` ask the nodes themselves, over the cluster's own wire, as one more node that none of
them counts as one of theirs. In a pod they ask the nodes of its cluster. Elsewhere they ask those of a launcher on this machine
(\`npm start\`) if you have started one, and else those on Kubernetes: with the cookie and the certificate of the
cluster's Secrets, which you must be allowed to read, and through the API server's way to the ports of pods, for which you need
\`create\` on \`pods/portforward\`. \`--local\`, \`--namespace\` and \`--context\` say which. What they ask only reads; \`remote --write\` calls
servers as well.

## One deployment at a time

\`deploy\` and \`undo\` hold the Lease \`interlock-deploy-APP\` while they run, and are refused while somebody else holds it, with who that
is and since when. \`deploy --rotate\` holds the Lease \`interlock-rotate-CLUSTER\` as well, which all applications of a cluster share.
Whoever died doing it holds it for 15 s more. A rollout that cannot succeed ends with code 6 and a name:

| name | what was seen |
|---|---|
| \`image_missing\` | the image cannot be pulled |
| \`bad_configuration\` | the container ended with the code for that, 2 or 78; its last lines are shown |
| \`crashes\` | the container has ended three times; its last lines are shown |
| \`no_quota\` | a quota has no room for a pod |
| \`not_admitted\` | pods are refused for another reason: Pod Security, a limit range, a webhook |
| \`no_room\` | at the progress deadline a pod had no machine yet |
| \`never_ready\` | at the progress deadline pods were not ready; what each says of itself is shown |

The pods of before go on serving in all of these. Secrets are made where they are missing and are not printed; all else that
\`--dry-run -o yaml\` prints is what is applied, byte for byte.

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
