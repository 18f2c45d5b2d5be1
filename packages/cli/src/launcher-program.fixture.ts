import { runLocally } from "./run-locally.ts";

const run = await runLocally({
  app: "news",
  entry: new URL("./platform/node-program.fixture.ts", import.meta.url),
  port: 28461,
});
console.log(run.url);
