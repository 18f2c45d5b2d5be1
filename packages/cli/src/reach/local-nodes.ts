/** The launchers on this machine, and the nodes of each. */
import { rm } from "node:fs/promises";
import { nodePorts, registeredNodes } from "@interlock/cluster";
import { nodeRuntime } from "@interlock/core";
import { CliError } from "../errors.ts";
import { within } from "../limit.ts";
import { type LauncherFacts, launcherFile, launchers } from "../platform/launcher-file.ts";
import type { PlatformNode } from "../platform/platform.ts";
import type { KnownNode, Reach } from "./reach.ts";

/** A launcher that has answered. */
export interface FoundLauncher extends LauncherFacts {
  readonly nodes: readonly PlatformNode[];
}

const ANSWER_MS = 3_000;

export interface WantedLaunchers {
  /** Default: of any. */
  readonly app: string | undefined;
  /** Default: with any. */
  readonly pid: string | undefined;
}

/** **Errors** `INTERLOCK_PLATFORM_REQUEST`. */
export async function runningLaunchers({ app, pid }: WantedLaunchers): Promise<readonly FoundLauncher[]> {
  const named = (await launchers()).filter(
    (one) => (app === undefined || one.app === app) && (pid === undefined || String(one.pid) === pid),
  );
  const found = await Promise.all(
    named.map(async (one) => {
      const nodes = await launchedNodes(one);
      if (nodes !== undefined) return { ...one, nodes };
      await rm(launcherFile(one.pid), { force: true });
      return undefined;
    }),
  );
  return found.filter((one) => one !== undefined);
}

/** Asks their name server for those that the launcher does not run: its guests. **Errors** `INTERLOCK_PLATFORM_REQUEST`. */
export async function localReach(launcher: FoundLauncher): Promise<Reach> {
  const { app, cookie, epmd, nodes } = launcher;
  const registered = await within(nodeRuntime.timers, ANSWER_MS, (signal) =>
    registeredNodes(nodePorts, epmd, signal),
  ).catch((error: unknown) => {
    throw silent(launcher, "NAMES_REQ of its name server", error as Error);
  });
  const known = nodes.map(({ id, name, state }): KnownNode => ({ id, name, state }));
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

/**
 * Undefined when it is not there: a program that was killed leaves its file, and another one may have got its number, or its
 * port. The launcher itself knows its token, and always has an answer.
 */
async function launchedNodes(launcher: LauncherFacts): Promise<readonly PlatformNode[] | undefined> {
  const { token, url } = launcher;
  try {
    return await within(nodeRuntime.timers, ANSWER_MS, async (signal) => {
      const answer = await fetch(new URL("/nodes", url), { headers: { authorization: `Bearer ${token}` }, signal });
      const said = await answer.text();
      return answer.ok ? nodesIn(said) : undefined;
    });
  } catch (error) {
    const { cause } = error as { readonly cause?: NodeJS.ErrnoException };
    // Nobody has the port, or somebody who speaks no HTTP.
    if (cause?.code === "ECONNREFUSED" || cause?.name === "HTTPParserError") return undefined;
    throw silent(launcher, "GET /nodes", cause ?? (error as Error));
  }
}

function nodesIn(text: string): readonly PlatformNode[] | undefined {
  try {
    const said: unknown = JSON.parse(text);
    return Array.isArray(said) ? (said as readonly PlatformNode[]) : undefined;
  } catch {
    return undefined;
  }
}

function silent({ app, pid }: LauncherFacts, request: string, cause: Error): CliError<"INTERLOCK_PLATFORM_REQUEST"> {
  const problem = cause.message;
  const message = `The launcher of ${app} with PID ${pid} gave no answer to ${request}: ${problem}. If it has ended, remove ${launcherFile(pid)}`;
  return new CliError("INTERLOCK_PLATFORM_REQUEST", message, { request, problem }, { cause });
}
