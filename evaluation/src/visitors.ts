/** The visitors, in a pod of their own beside what they visit. */
import { kubectl, type Namespace, until } from "../../e2e/kubernetes.ts";
import type { LoadLog } from "../services/src/load/log.ts";
import { image } from "./image.ts";
import type { Target } from "./target.ts";

const NAME = "visitors";

/** Returns when all of them are in. */
export async function startVisitors({ app, namespace }: Target, node: string): Promise<void> {
  await endVisitors(namespace);
  await namespace.apply({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: NAME },
    spec: {
      nodeName: node,
      restartPolicy: "Never",
      terminationGracePeriodSeconds: 1,
      securityContext: { runAsNonRoot: true, runAsUser: 1_000, seccompProfile: { type: "RuntimeDefault" } },
      containers: [
        {
          name: NAME,
          image,
          imagePullPolicy: "IfNotPresent",
          command: ["node", "src/load/main.ts"],
          env: [{ name: "TARGET", value: `http://${app}.${namespace.name}.svc.cluster.local` }],
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
        },
      ],
    },
  });
  await until("the visitors are in", async () =>
    /^LOADING/m.test(await namespace.kubectl("logs", NAME).catch(() => "")),
  );
}

/** Tells them to go, and asks what they have gone through. */
export async function visitorsLog(namespace: Namespace): Promise<LoadLog> {
  await namespace.kubectl("exec", NAME, "--", "node", "-e", "process.kill(1, 'SIGUSR2')");
  let log = "";
  await until("the visitors have gone", async () => {
    log = await namespace.kubectl("logs", NAME).catch(() => "");
    return /^LOG .*\}$/m.test(log);
  });
  await endVisitors(namespace);
  return JSON.parse(/^LOG (.*)$/m.exec(log)?.[1] ?? "") as LoadLog;
}

async function endVisitors(namespace: Namespace): Promise<void> {
  await namespace.kubectl("delete", "pod", NAME, "--ignore-not-found", "--grace-period=0", "--force");
}

export async function machines(): Promise<readonly string[]> {
  const names = await kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.name}");
  return names.trim().split(/\s+/);
}
