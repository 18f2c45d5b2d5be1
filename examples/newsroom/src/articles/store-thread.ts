/**
 * The article store in a thread of its own. PostgreSQL thinks for seconds when it starts, and a node that does so in its main
 * thread answers neither visitors nor probes nor other nodes meanwhile: it seems to hang, and is ended.
 */
import { once } from "node:events";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import type * as articleStore from "./article-store.ts";

type Functions = Pick<
  typeof articleStore,
  "countArticles" | "findArticle" | "insertArticles" | "latestHeadlines" | "nextNumber"
>;
type Name = keyof Functions;
type Without<F> = F extends (store: articleStore.ArticleStore, ...args: infer A) => Promise<infer R>
  ? readonly [A, R]
  : never;
type ArgumentsOf<N extends Name> = Without<Functions[N]>[0];
type ResultOf<N extends Name> = Without<Functions[N]>[1];

interface Asked {
  readonly id: number;
  readonly name: Name;
  readonly args: readonly unknown[];
}

type Answered = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: unknown };

/** Two PostgreSQLs must never work on one directory, so the next to open it waits for the last to let go. */
const closing = new Map<string, Promise<unknown>>();

export class StoreThread {
  readonly #directory: string;
  readonly #worker: Worker;
  readonly #ended: Promise<unknown>;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #asked = 0;
  #problem: unknown;

  private constructor(directory: string) {
    this.#directory = directory;
    this.#worker = new Worker(new URL(import.meta.url), { name: "articles", workerData: { articles: directory } });
    this.#ended = new Promise((resolve) => this.#worker.once("exit", resolve));
    this.#worker.on("error", (error) => this.#fail(error));
    this.#worker.on("exit", () => this.#fail(new Error("The thread of the articles has ended")));
  }

  /** Rejects with what the thread could not do. */
  static async open(directory: string): Promise<StoreThread> {
    await closing.get(directory);
    const thread = new StoreThread(directory);
    await once(thread.#worker, "message");
    thread.#worker.on("message", (answered: Answered) => thread.#answered(answered));
    return thread;
  }

  /** What the function of that name says of this store. */
  async ask<N extends Name>(name: N, ...args: ArgumentsOf<N>): Promise<ResultOf<N>> {
    if (this.#problem !== undefined) throw this.#problem;
    const id = ++this.#asked;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#worker.postMessage({ id, name, args } satisfies Asked);
    return (await waiting.promise) as ResultOf<N>;
  }

  #answered(answered: Answered): void {
    const waiting = this.#waiting.get(answered.id);
    this.#waiting.delete(answered.id);
    if ("value" in answered) waiting?.resolve(answered.value);
    else waiting?.reject(answered.error);
  }

  #fail(error: unknown): void {
    this.#problem ??= error;
    for (const { reject } of this.#waiting.values()) reject(this.#problem);
    this.#waiting.clear();
  }

  /** Lets the directory go once what is being asked has been answered. */
  close(): void {
    this.#worker.postMessage("close");
    closing.set(this.#directory, this.#ended);
  }
}

/** Resolves when every store that is being closed has been. */
export async function storesClosed(): Promise<void> {
  await Promise.all(closing.values());
}

async function serve(directory: string): Promise<void> {
  const store = await import("./article-store.ts");
  const opened = await store.openStore(directory);
  const going = new Set<Promise<void>>();
  const answer = async ({ args, id, name }: Asked): Promise<void> => {
    const asked = store[name] as (of: articleStore.ArticleStore, ...rest: readonly unknown[]) => Promise<unknown>;
    const answered: Answered = await asked(opened, ...args).then(
      (value) => ({ id, value }),
      (error: unknown) => ({ id, error }),
    );
    parentPort?.postMessage(answered);
  };
  parentPort?.on("message", (message: Asked | "close") => {
    if (message === "close")
      return void Promise.all(going)
        .then(() => opened.close())
        .finally(() => process.exit());
    const one = answer(message).finally(() => going.delete(one));
    going.add(one);
  });
  parentPort?.postMessage("open");
}

const given = workerData as { readonly articles?: string } | null;
if (!isMainThread && given?.articles !== undefined) await serve(given.articles);
