/** The management port as the main thread sees it: questions that come in, and what the other thread may read at any time. */
import { Worker } from "node:worker_threads";
import { unowned } from "@interlock/core";
import { KubernetesError } from "../../errors.ts";
import { beat } from "../heartbeat.ts";
import {
  type Answer,
  type Answered,
  type Asked,
  type Opened,
  type Question,
  rootWords,
  type ThreadOptions,
} from "./protocol.ts";

export interface ManagementOptions {
  readonly port: number;
  readonly host: string | undefined;
  readonly token: string | undefined;
  readonly hangMs: number;
  readonly answer: (question: Question) => Promise<Answer>;
}

export interface Management {
  readonly port: number;
  root(state: keyof typeof rootWords): void;
  close(): Promise<void>;
}

/** Less than the second that a kubelet gives a probe by default. */
const ANSWER_MS = 900;
/** It keeps nothing. */
const limits = { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 };

/** **Errors** `INTERLOCK_POD_PORT`. */
export function openManagement(options: ManagementOptions): Promise<Management> {
  const { answer, hangMs, host, port, token } = options;
  const root = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const data: ThreadOptions = { managementPort: port, host, token, hangMs, answerMs: ANSWER_MS, beats: beat(), root };
  return unowned(
    () =>
      new Promise((resolve, reject) => {
        const worker = new Worker(new URL(`./thread${import.meta.url.slice(-3)}`, import.meta.url), {
          name: "management",
          workerData: data,
          execArgv: [],
          resourceLimits: limits,
        });
        const respond = async ({ id, question }: Asked): Promise<void> => {
          const answered: Answered = { id, ...(await answer(question).catch(failed)) };
          worker.postMessage(answered);
        };
        const refused = (problem: string): void => {
          const message = `Cannot serve probes on port ${port}: ${problem}`;
          reject(new KubernetesError("INTERLOCK_POD_PORT", message, { port, problem }));
        };
        worker.on("message", (message: Asked | Opened) => {
          if ("question" in message) return void respond(message);
          if ("problem" in message) return refused(message.problem);
          worker.unref();
          resolve({
            port: message.port,
            root: (state) => void Atomics.store(root, 0, rootWords[state]),
            close: async () => void (await worker.terminate()),
          });
        });
        // Without it nobody would see a hang, and the kubelet would find the probes gone: an error of the whole program.
        worker.once("error", (error) => {
          refused(String(error));
          throw error;
        });
      }),
  );
}

function failed(error: unknown): Answer {
  return { status: 503, body: { error: error instanceof Error ? error.message : String(error) } };
}
