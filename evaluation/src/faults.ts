/** The faults. Each is done to the pod that has the chat's room, where there are several. */
import { setTimeout as delay } from "node:timers/promises";
import { type Pod, postPod } from "../../e2e/pods.ts";
import { cutOff, killContainer, plugIn } from "./machine.ts";
import type { Happened } from "./rung.ts";
import type { Target } from "./target.ts";

export interface Fault {
  readonly name: string;
  readonly title: string;
  /** What is done, in a sentence. */
  readonly what: string;
  /** How long visitors are watched after it began. */
  readonly seconds: number;
  readonly planned?: Happened["planned"];
  /** It befalls a machine: all victims have to be on one. */
  readonly isOfMachine?: boolean;
  /** Does it, and what it takes for it to be over. @returns what is worth telling. */
  readonly inject: (target: Target, victim: Pod) => Promise<readonly string[]>;
}

const CRASH_LOOP_SECONDS = 20;
const CUT_SECONDS = 60;
const PATIENCE_SECONDS = 30;

export const faults: readonly Fault[] = [
  {
    name: "calm",
    title: "Nothing",
    what: "Nothing is done. What is lost here is lost by the measurement.",
    seconds: 15,
    inject: async () => [],
  },
  {
    name: "crash",
    title: "Crash in a request",
    what: "The code of the chat's room throws while it handles a visitor's message.",
    seconds: 15,
    inject: async ({ namespace }, { name }) => {
      await postPod(namespace, name, "/api/break/chat-room-crash");
      return [];
    },
  },
  {
    name: "stray",
    title: "Stray exception",
    what: "The ticker throws in the callback of a timer, where nobody catches it.",
    seconds: 25,
    inject: async ({ namespace }, { name }) => {
      await postPod(namespace, name, "/api/break/ticker-timer");
      return [];
    },
  },
  {
    name: "crash-loop",
    title: "Crash loop",
    what: `For ${CRASH_LOOP_SECONDS} s the exchange sends rows on which the ticker throws, again and again as it is started anew.`,
    seconds: 60,
    inject: async (target, { name }) => {
      await postPod(target.namespace, name, `/api/break/ticker-meltdown?seconds=${CRASH_LOOP_SECONDS}`);
      await delay(CRASH_LOOP_SECONDS * 1_000);
      return await target.mendTicker(name);
    },
  },
  {
    name: "killed",
    title: "Process killed",
    what: "The process of the container is ended by SIGKILL.",
    seconds: 25,
    inject: async (_target, victim) => {
      await killContainer(victim);
      return [];
    },
  },
  {
    name: "cut-off",
    title: "Node cut off",
    what: `The machine's cable is unplugged for ${CUT_SECONDS} s: nobody reaches its pods, and they reach nobody.`,
    seconds: CUT_SECONDS + 12,
    isOfMachine: true,
    inject: async (_target, { node }) => {
      await cutOff(node);
      try {
        await delay(CUT_SECONDS * 1_000);
      } finally {
        await plugIn(node);
      }
      return [];
    },
  },
  {
    name: "rolling-update",
    title: "Rolling update",
    what: "A new version is rolled out.",
    seconds: 60,
    planned: "rolling update",
    inject: async (target) => {
      await target.roll();
      return [];
    },
  },
  {
    name: "bad-configuration",
    title: "Bad configuration",
    what: `A version is rolled out whose port is no number, and is taken back after ${PATIENCE_SECONDS} s.`,
    seconds: PATIENCE_SECONDS + 10,
    planned: "bad version",
    inject: async (target) => {
      const endAt = performance.now() + PATIENCE_SECONDS * 1_000;
      const { text, toldAfterMs } = await target.rollBad(PATIENCE_SECONDS * 1_000);
      await delay(Math.max(0, endAt - performance.now()));
      await target.undo();
      const told =
        toldAfterMs === undefined ? `after ${PATIENCE_SECONDS} s` : `after ${(toldAfterMs / 1_000).toFixed(1)} s`;
      return [`Whoever rolled it out was told ${told}: ${text}`];
    },
  },
];
