/** What the page does to whole nodes and to the wires between them, and what it says in a sentence afterwards. */
import { type PlatformClient, platform } from "@interlock/cli/child";
import type { NodeName } from "@interlock/core";
import { Refusal } from "../http/refusal.ts";
import type { Town } from "./town.ts";
import { wiresOf } from "./town-report.ts";

/** For an answer to leave this node. */
const answerMs = 100;

const acts = {
  kill: {
    act: (launcher: PlatformClient, id: string) => launcher.kill(id),
    done: (id: string) => `${id} was ended as by a power cut. The launcher starts it again.`,
  },
  stop: {
    act: (launcher: PlatformClient, id: string) => launcher.stop(id),
    done: (id: string) => `${id} was asked to stop: it hands its rooms over, says goodbye and ends.`,
  },
  start: {
    act: (launcher: PlatformClient, id: string) => launcher.startAgain(id),
    done: (id: string) => `${id} is being started.`,
  },
} as const;

export function isTownAct(what: string): what is keyof typeof acts {
  return Object.hasOwn(acts, what);
}

/** **Errors** a `Refusal` for a newsroom that stands alone, and for a node that is none. */
export async function actOnNode({ here }: Town, what: keyof typeof acts, id: string): Promise<string> {
  const launcher = launcherOrRefuse();
  await expectNode(launcher, id);
  // Who kills this very node is still told that it was done.
  if (id === here) setTimeout(() => void acts[what].act(launcher, id), answerMs);
  else await acts[what].act(launcher, id);
  return acts[what].done(id);
}

/** Tells both ends to cut the wire between them; each is asked directly, whatever is cut already. */
export async function cutWire(one: string, other: string): Promise<string> {
  const launcher = launcherOrRefuse();
  await expectNode(launcher, one);
  await expectNode(launcher, other);
  const wires = await wiresOf(await launcher.nodes());
  const [first, second] = [wires.find(({ here }) => here === one), wires.find(({ here }) => here === other)];
  if (first === undefined || second === undefined || one === other)
    throw new Refusal(
      409,
      "NEWSROOM_NO_WIRE",
      `There is no wire from ${one} to ${other} now.`,
      "Take two nodes that run.",
    );
  await Promise.all([tell(first.url, "cut", second), tell(second.url, "cut", first)]);
  return `The wire between ${one} and ${other} is cut.`;
}

export async function healWires(): Promise<string> {
  const wires = await wiresOf(await launcherOrRefuse().nodes());
  await Promise.all(wires.map(({ url }) => tell(url, "mend", undefined)));
  return "All wires are whole again.";
}

/** What this node does with its own end of a wire. */
export function cutOwnWire({ node, wires }: Town, id: string, port: number): void {
  // Only where a launcher runs the nodes is this a game.
  launcherOrRefuse();
  const [, host = "127.0.0.1"] = node.name.split("@");
  const name: NodeName = `${id}@${host}`;
  wires.cut(name, { host, port });
  node.disconnect(name);
}

export function mendOwnWires({ wires }: Town): void {
  wires.heal();
}

async function tell(url: string, what: "cut" | "mend", body: unknown): Promise<void> {
  const request = { method: "POST", body: JSON.stringify(body ?? {}), signal: AbortSignal.timeout(2_000) };
  await fetch(new URL(`api/town/wires/${what}`, url), request);
}

function launcherOrRefuse(): PlatformClient {
  const launcher = platform();
  if (launcher === undefined) throw alone();
  return launcher;
}

function alone(): Refusal {
  return new Refusal(
    409,
    "NEWSROOM_ALONE",
    "This newsroom stands alone: it was not started by a launcher.",
    "`npm start` runs three of them.",
  );
}

async function expectNode(launcher: PlatformClient, id: string): Promise<void> {
  const ids = (await launcher.nodes()).map((node) => node.id);
  if (!ids.includes(id))
    throw new Refusal(404, "NEWSROOM_NO_NODE", `There is no node ${id}.`, `There are: ${ids.join(", ")}.`);
}
