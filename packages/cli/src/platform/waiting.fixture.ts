/** Waiting for a platform, in tests. */
import { readFileSync } from "node:fs";
import { Writable } from "node:stream";
import { vi } from "vitest";
import type { Platform, PlatformNode } from "./platform.ts";

/** Resolves as soon as the nodes are so. */
export function until(platform: Platform, isSo: (nodes: readonly PlatformNode[]) => boolean): Promise<void> {
  if (isSo(platform.nodes())) return Promise.resolve();
  return new Promise((resolve) => {
    const end = platform.watch(() => {
      if (!isSo(platform.nodes())) return;
      end();
      resolve();
    });
  });
}

/** The next state of that kind of a node. */
export function next(platform: Platform, id: string, isSo: (node: PlatformNode) => boolean): Promise<PlatformNode> {
  return new Promise((resolve) => {
    const end = platform.watch((node) => {
      if (node.id !== id || !isSo(node)) return;
      end();
      resolve(node);
    });
  });
}

export function nodeOf(platform: Platform, id: string): PlatformNode | undefined {
  return platform.nodes().find((node) => node.id === id);
}

/** What is written, as text. */
export class Page extends Writable {
  text = "";

  override _write(chunk: unknown, _encoding: unknown, done: () => void): void {
    this.text += String(chunk);
    done();
  }
}

/** Whether an operating-system process runs; one that waits to be reaped does not. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

export async function untilGone(...pids: readonly number[]): Promise<void> {
  const expectGone = (): void => {
    const left = pids.filter(isRunning);
    if (left.length > 0) throw new Error(`still there: ${left.join(", ")}`);
  };
  await vi.waitFor(expectGone, { timeout: 25_000, interval: 20 });
}
