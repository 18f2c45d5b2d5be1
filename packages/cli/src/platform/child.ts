/**
 * A node's side of its platform: what it was given, and how it says how it is. Without a platform all of it is inert, so
 * that the same program runs alone.
 */
import type { NodeName } from "@interlock/core";
import { badOption, CliError } from "../errors.ts";
import { type ChildMessage, variables } from "./child-protocol.ts";
import type { LaunchedNode, NodeControl, PlatformNode } from "./platform.ts";

/** What a node may ask its platform for: to see all nodes, and to act on them. */
export interface PlatformClient extends NodeControl {
  /** **Errors** `INTERLOCK_PLATFORM_REQUEST` */
  nodes(): Promise<readonly PlatformNode[]>;
}

/**
 * What this node was given by its platform; undefined when it was started by hand. A node that is made with that name
 * answers `interlock ps` and the like.
 *
 * **Errors** `INTERLOCK_LAUNCH_OPTION`: the environment has some of it, and not all.
 *
 * @example
 * import { launchedNode } from "@interlock/cli/child";
 * const launched = launchedNode();
 * console.log(launched === undefined ? "alone" : launched.name); // alone
 */
export function launchedNode(): LaunchedNode | undefined {
  const { [variables.node]: name, [variables.cookie]: cookie, [variables.epmd]: epmd } = process.env;
  if (name === undefined || epmd === undefined) return undefined;
  const [id = ""] = name.split("@");
  const [, host = "", port = ""] = /^(.+):(\d+)$/.exec(epmd) ?? [];
  if (port === "") throw badOption(variables.epmd, epmd, "host:port");
  if (cookie === undefined) throw badOption(variables.cookie, "nothing", "the secret that all nodes share");
  return { id, name: name as NodeName, cookie, epmd: { host, port: Number(port) } };
}

/**
 * Says that this node serves at `url`: from now on it gets visitors. Nothing without a platform.
 *
 * @example
 * import { ready } from "@interlock/cli/child";
 * ready({ url: "http://127.0.0.1:41000" });
 */
export function ready({ url }: { readonly url: string }): void {
  if (!URL.canParse(url)) throw badOption("url", JSON.stringify(url), "an address such as http://127.0.0.1:41000");
  tell({ interlock: "ready", url });
}

/** Says that this node ends soon: no new visitors from now on, those that it has stay. Nothing without a platform. */
export function draining(): void {
  tell({ interlock: "draining" });
}

/**
 * The platform that runs this node; undefined when it was started by hand.
 *
 * @example
 * import { platform } from "@interlock/cli/child";
 * const nodes = await platform()?.nodes();
 * console.log(nodes ?? "alone"); // alone
 */
export function platform(): PlatformClient | undefined {
  const { [variables.platformUrl]: url, [variables.platformToken]: token } = process.env;
  if (url === undefined || token === undefined) return undefined;
  const ask = (method: "GET" | "POST", path: string): Promise<unknown> => request(url, token, method, path);
  const act = async (id: string, what: string): Promise<void> => {
    await ask("POST", `/nodes/${encodeURIComponent(id)}/${what}`);
  };
  return {
    nodes: async () => (await ask("GET", "/nodes")) as readonly PlatformNode[],
    kill: (id) => act(id, "kill"),
    stop: (id) => act(id, "stop"),
    startAgain: (id) => act(id, "start"),
  };
}

function tell(message: ChildMessage): void {
  // A launcher that is gone needs no telling: the lifeline ends this node.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

async function request(url: string, token: string, method: string, path: string): Promise<unknown> {
  const fail = (problem: string, options?: ErrorOptions): CliError => {
    const details = { request: `${method} ${path}`, problem };
    return new CliError(
      "INTERLOCK_PLATFORM_REQUEST",
      `The launcher did not do ${method} ${path}: ${problem}`,
      details,
      options,
    );
  };
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(new URL(path, url), { method, headers }).catch((cause: unknown) => {
    throw fail((cause as Error).message, { cause });
  });
  const body: unknown = await answer.json().catch((cause: unknown) => {
    throw fail("its answer cannot be read", { cause });
  });
  if (answer.ok) return body;
  throw fail((body as { readonly message?: string }).message ?? `it answered ${answer.status}`);
}
