/** The newsroom, as `interlock deploy` puts it there, and beside it the archive, which stands for the database that others have. */
import { type Deployment, deployArchive, deployNewsroom } from "../../e2e/deployment.ts";
import { eventually } from "../../e2e/eventually.ts";
import type { Namespace } from "../../e2e/kubernetes.ts";
import { askPod, postPod } from "../../e2e/pods.ts";
import { livePodsOf, type Refusal, ROOM_MS, type Target } from "./target.ts";

const replicas = { "newsroom-1": 1, "newsroom-3": 3 } as const;

export async function deployNewsroomTarget(name: keyof typeof replicas, namespace: Namespace): Promise<Target> {
  await using _archive = await deployArchive(namespace, { resources: { cpu: "500m", memory: "768Mi" } });
  const deployment = await deployNewsroom(namespace, { replicas: replicas[name] });
  // What its pods say is not needed.
  deployment.logs.end();
  return new Newsroom(name, namespace, deployment);
}

interface TreeNode {
  readonly restartCount: number;
  readonly children: readonly TreeNode[];
}

class Newsroom implements Target {
  readonly name: keyof typeof replicas;
  readonly app = "newsroom";
  readonly namespace: Namespace;
  readonly #deployment: Deployment;

  constructor(name: keyof typeof replicas, namespace: Namespace, deployment: Deployment) {
    this.name = name;
    this.namespace = namespace;
    this.#deployment = deployment;
  }

  async roll(): Promise<void> {
    await this.#deployment.roll();
  }

  async rollBad(): Promise<Refusal> {
    const startMs = performance.now();
    const text = await this.#deployment.roll({ changes: { env: { PORT: "eighty" } } }).then(
      () => "that it is rolled out",
      (error: Error) => error.message,
    );
    return { toldAfterMs: performance.now() - startMs, text };
  }

  async undo(): Promise<void> {
    await this.#deployment.undo();
  }

  async mendTicker(pod: string): Promise<readonly string[]> {
    await postPod(this.namespace, pod, "/api/break/ticker-revive");
    return ["The ticker's supervisor had given up; somebody had it started again when the exchange was in order."];
  }

  async roomPod(): Promise<string> {
    const look = async (): Promise<string | undefined> => {
      const pods = (await livePodsOf(this)).filter(({ isReady }) => isReady);
      const reports = await Promise.all(
        pods.map(({ name }) =>
          askPod<{ readonly rooms: readonly { readonly room: string; readonly node: string }[] }>(
            this.namespace,
            name,
            "/api/town",
          ),
        ),
      );
      const node = reports.flatMap(({ rooms }) => rooms).find(({ room }) => room === "town-square")?.node;
      return pods.find(({ ip }) => node?.endsWith(`@${ip}`))?.name;
    };
    return await eventually("the town square is somewhere", look, ROOM_MS);
  }

  async supervisorRestarts(): Promise<number> {
    const pods = (await livePodsOf(this)).filter(({ isReady }) => isReady);
    const trees = await Promise.all(
      pods.map(({ name }) =>
        askPod<{ readonly root: TreeNode }>(this.namespace, name, "/api/tree").catch(() => undefined),
      ),
    );
    return trees.reduce((sum, tree) => sum + (tree === undefined ? 0 : restartsIn(tree.root)), 0);
  }
}

function restartsIn({ children, restartCount }: TreeNode): number {
  return children.reduce((sum, child) => sum + restartsIn(child), restartCount);
}
