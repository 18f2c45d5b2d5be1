/**
 * An application in a namespace, as `interlock deploy` has put it there.
 *
 *     await using namespace = await namespaceFor("roll");
 *     const proof = await deployProof(namespace, { drain: { settle: 0 } });
 *     await proof.roll();                     // the next version: another deploy, followed to its end
 *     await proof.scale(6);
 *     for (const { name, ip } of await proof.pods()) …
 *     proof.logs.lines                        // of all its pods, also of those that are gone, each with its time
 */
import { type AppFile, readApp, type SpecChanges, writeApp } from "./app-file.ts";
import { eventually } from "./eventually.ts";
import { image } from "./images.ts";
import { interlock, type Namespace, say } from "./kubernetes.ts";
import { PodLogs } from "./pod-logs.ts";
import { askPod, type Pod, podsOf } from "./pods.ts";

export const deployProof = (namespace: Namespace, changes: SpecChanges = {}): Promise<Deployment> =>
  Deployment.make(
    namespace,
    { file: "e2e/apps/proof/interlock.yaml", image: image.proof, versionVariable: "PROOF_VERSION" },
    changes,
  );

export const deployNewsroom = (namespace: Namespace, changes: SpecChanges = {}): Promise<Deployment> =>
  Deployment.make(
    namespace,
    { file: "examples/newsroom/interlock.yaml", image: image.newsroom, versionVariable: "EDITION" },
    changes,
  );

export const deployArchive = (namespace: Namespace, changes: SpecChanges = {}): Promise<Deployment> =>
  Deployment.make(
    namespace,
    { file: "examples/newsroom/archive.interlock.yaml", image: image.archive, versionVariable: "EDITION" },
    changes,
  );

interface What {
  readonly file: string;
  readonly image: string;
  readonly versionVariable: string;
}

export class Deployment implements AsyncDisposable {
  readonly name: string;
  readonly logs: PodLogs;
  readonly #namespace: Namespace;
  readonly #what: What;
  readonly #app: AppFile;
  readonly #changes: SpecChanges;
  #version = 0;

  private constructor(namespace: Namespace, what: What, app: AppFile, changes: SpecChanges) {
    this.name = app.metadata.name;
    this.#namespace = namespace;
    this.#what = what;
    this.#app = app;
    this.#changes = changes;
    this.logs = new PodLogs(namespace, `app.kubernetes.io/name=${this.name}`);
  }

  /** Deploys it and follows the rollout to its end. */
  static async make(namespace: Namespace, what: What, changes: SpecChanges): Promise<Deployment> {
    const app = await readApp(what.file);
    // What follows its pods keeps the program running: it ends with a rollout that failed.
    await using unready = new AsyncDisposableStack();
    const deployment = unready.use(new Deployment(namespace, what, app, changes));
    await deployment.roll();
    unready.move();
    return deployment;
  }

  /** The next version, by `interlock deploy`. @returns how long it took, in milliseconds. */
  async roll(options: { readonly isFollowed?: boolean; readonly changes?: SpecChanges } = {}): Promise<number> {
    const startMs = performance.now();
    const { changes = {}, isFollowed = true } = options;
    this.#version++;
    const version = { env: { [this.#what.versionVariable]: String(this.#version) } };
    const file = await writeApp(this.#app, [this.#changes, changes, version]);
    const followed = isFollowed ? ["--timeout", "240"] : ["--no-wait"];
    await interlock("deploy", "-f", file, "-n", this.#namespace.name, "--image", this.#what.image, ...followed);
    const tookMs = performance.now() - startMs;
    say(
      `${this.name}: version ${this.#version} ${isFollowed ? "is there" : "was sent"} after ${(tookMs / 1_000).toFixed(1)} s`,
    );
    return tookMs;
  }

  /** Back to the version before, by `interlock undo`, followed to its end. */
  async undo(): Promise<void> {
    await interlock("undo", this.name, "-n", this.#namespace.name, "--timeout", "240");
    say(`${this.name}: undone`);
  }

  async scale(replicas: number): Promise<void> {
    await this.#namespace.kubectl("scale", "deployment", this.name, `--replicas=${replicas}`);
    await this.untilReady(replicas);
    say(`${this.name}: ${replicas} pods`);
  }

  /** So many pods are ready, and all others are gone. */
  async untilReady(replicas: number, forMs = 240_000): Promise<void> {
    await eventually(
      `${this.name} has ${replicas} pods, all ready`,
      async () => {
        const pods = await this.pods();
        return pods.length === replicas && pods.every(({ isGoing, isReady }) => isReady && !isGoing);
      },
      forMs,
    );
  }

  async pods(): Promise<readonly Pod[]> {
    return await podsOf({ app: this.name, namespace: this.#namespace });
  }

  /** What a pod answers. */
  async ask<T>(pod: string, path: string): Promise<T> {
    return await askPod<T>(this.#namespace, pod, path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.logs.end();
  }
}
