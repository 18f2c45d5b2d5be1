/**
 * `npm start`: three newsrooms as programs of their own, one address in front of them, and here, beside the launcher, what
 * they share: the archive, as one more node of the town. Nobody kills that one.
 */
import { CliError, type Platform, runLocally } from "@interlock/cli";
import { createNode, joinCluster } from "@interlock/cluster";
import { local, supervisor } from "@interlock/core";
import { storesClosed } from "./articles/article-store.ts";
import { Articles } from "./articles/articles.ts";
import { newsroomConfig } from "./config.ts";
import { describeStartFailure } from "./reason.ts";
import { townRules } from "./town/town.ts";

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

const archiveSup = supervisor({
  name: "archive_sup",
  strategy: "one_for_one",
  intensity: 3,
  periodMs: 10_000,
  children: () => [Articles.child([config.dataDirectory], { name: local("articles") })],
});

async function openArchive(platform: Platform): Promise<AsyncDisposable> {
  const stack = new AsyncDisposableStack();
  stack.defer(storesClosed);
  const { cookie, epmd, name } = platform.guest("archive");
  const node = stack.use(await createNode({ name, cookie, epmd }));
  stack.use(await joinCluster(node, townRules));
  stack.use(await archiveSup.start());
  return stack;
}

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
    beside: openArchive,
  });
  await run.ended;
} catch (error) {
  const hint = error instanceof CliError ? ` ${error.hint}` : "";
  process.stderr.write(`The newsroom cannot start. ${describeStartFailure(error)}${hint}\n`);
  process.exitCode = 1;
}
process.exit();
