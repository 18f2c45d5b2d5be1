/** The nodes of a launcher on this machine. */
import { nodePorts, registeredNodes } from "@interlock/cluster";
import { type LauncherFacts, launchers } from "../platform/launcher-file.ts";
import type { PlatformNode } from "../platform/platform.ts";
import { within } from "./limit.ts";
import type { KnownNode, Reach } from "./reach.ts";

const ANSWER_MS = 3_000;

/** The launchers of that application, or all if none is named. */
export async function runningLaunchers(app: string | undefined): Promise<readonly LauncherFacts[]> {
  return (await launchers()).filter((one) => app === undefined || one.app === app);
}

/** Asks the launcher for its nodes, and their name server for those that it does not run: its guests. */
export async function localReach({ app, cookie, epmd, token, url }: LauncherFacts): Promise<Reach> {
  const [registered, launched] = await within(ANSWER_MS, (signal) =>
    Promise.all([registeredNodes(nodePorts, epmd, signal), launchedNodes(url, token, signal)]),
  );
  const known = launched.map(({ id, name, state }): KnownNode => ({ id, name, state }));
  const guests = registered
    .filter(({ name }) => !known.some(({ id }) => id === name))
    .map(({ name }): KnownNode => ({ id: name, name: `${name}@${epmd.host}`, state: undefined }));
  return {
    where: `${app} on this machine`,
    nodes: [...known, ...guests],
    host: epmd.host,
    options: {
      cookie,
      // By asking alone: registered there, the others might take this one for one of theirs.
      lookup: async (name, signal) => {
        const alive = name.slice(0, name.indexOf("@"));
        const found = (await registeredNodes(nodePorts, epmd, signal)).find((one) => one.name === alive);
        if (found === undefined) throw new Error(`it is not registered at ${epmd.host}:${epmd.port}`);
        return { host: epmd.host, port: found.port };
      },
    },
    close: async () => undefined,
  };
}

async function launchedNodes(url: string, token: string, signal: AbortSignal): Promise<readonly PlatformNode[]> {
  const answer = await fetch(new URL("/nodes", url), { headers: { authorization: `Bearer ${token}` }, signal });
  if (!answer.ok) throw new Error(`the launcher answered ${answer.status}`);
  return (await answer.json()) as readonly PlatformNode[];
}
