/**
 * `npm start`: three newsrooms as programs of their own, one address in front of them, and here, beside the launcher, what
 * they share: the archive, as one more node of the town. Nobody kills that one.
 */
import { CliError, runLocally } from "@interlock/cli";
import { openArchive } from "./articles/archive-node.ts";
import { newsroomConfig } from "./config.ts";
import { describeStartFailure } from "./reason.ts";

const {
  PORT: port,
  HOST: host,
  NEWSROOM_DATA: dataDirectory,
  NEWSROOM_LEASES: leases,
  NEWSROOM_NODES: nodes = "3",
  // Both are only for who wants to join with a node of their own, an Erlang shell say.
  NEWSROOM_EPMD_PORT: epmdPort = "0",
  INTERLOCK_COOKIE: cookie,
} = process.env;
const config = newsroomConfig.parse({ port, host, dataDirectory, leases });

try {
  const run = await runLocally({
    app: "newsroom",
    entry: new URL("main.ts", import.meta.url),
    nodes: Number(nodes),
    host: config.host,
    port: config.port,
    epmdPort: Number(epmdPort),
    ...(cookie !== undefined && { cookie }),
    // Each takes any port that is free; the launcher's is the one that visitors know.
    env: { PORT: "0", HOST: "127.0.0.1", NEWSROOM_ARCHIVE: "elsewhere", NEWSROOM_LEASES: config.leases },
    beside: (platform) => openArchive({ place: platform.guest("archive"), directory: config.dataDirectory }),
  });
  await run.ended;
} catch (error) {
  const hint = error instanceof CliError ? ` ${error.hint}` : "";
  process.stderr.write(`The newsroom cannot start. ${describeStartFailure(error)}${hint}\n`);
  process.exitCode = 1;
}
process.exit();
