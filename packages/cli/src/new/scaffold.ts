/** The files of a new project: a service with a tree, an endpoint, a test, and its way to Kubernetes. Pure. */

/** By their paths in the project's folder. */
export type Scaffold = Readonly<Record<string, string>>;

/** `version`: of the packages that the project asks for. */
export function scaffold(name: string, version: string): Scaffold {
  return {
    "package.json": `${JSON.stringify(
      {
        name,
        version: "0.1.0",
        private: true,
        type: "module",
        main: "src/main.ts",
        engines: { node: ">=26" },
        scripts: {
          dev: "interlock dev",
          start: "interlock run",
          test: "node --test",
          status: "interlock status",
        },
        dependencies: {
          "@interlock/cli": version,
          "@interlock/core": version,
          "@interlock/kubernetes": version,
        },
      },
      undefined,
      2,
    )}\n`,
    "interlock.yaml": yaml(name),
    "src/main.ts": main,
    "src/application.ts": application(name),
    "src/counter.ts": counter,
    "src/web.ts": web(name),
    "src/application.test.ts": test,
    "tsconfig.json": `${JSON.stringify(
      {
        compilerOptions: {
          target: "es2024",
          module: "nodenext",
          strict: true,
          noEmit: true,
          erasableSyntaxOnly: true,
          allowImportingTsExtensions: true,
        },
        include: ["src"],
      },
      undefined,
      2,
    )}\n`,
    ".gitignore": "node_modules/\nrelease/\n",
    ".gitlab-ci.yml": gitlab(name),
    ".github/workflows/interlock.yml": github(name),
    "README.md": readme(name),
  };
}

const yaml = (name: string): string => `apiVersion: interlock.dev/v1alpha1
kind: InterlockApp
metadata:
  name: ${name}
spec:
  replicas: 3
  entry: src/main.ts
  ports:
    - { name: http, containerPort: 3000 }
  env:
    HOST: 0.0.0.0
    PORT: "3000"
`;

const main = `/** The program of a pod, and of a terminal. */
import { runPod } from "@interlock/kubernetes";
import application from "./application.ts";

// Only in a pod does somebody look for the probes at a certain port.
await runPod(application, process.env["INTERLOCK_APP"] === undefined ? { managementPort: 0, heapPercent: false } : {});
`;

const application = (name: string): string => `import { application, local, supervisor } from "@interlock/core";
import { Counter } from "./counter.ts";
import { Web } from "./web.ts";

/** When one of them ends, that one is started again. */
const root = supervisor({
  name: "root",
  strategy: "one_for_one",
  intensity: 3,
  periodMs: 5_000,
  children: () => [
    Counter.child([], { name: local("counter") }),
    Web.child([], { name: local("web") }),
  ],
});

export default application({ name: "${name}", version: "0.1.0", start: () => root.startLink() });
`;

const counter = `import { genServer, reply } from "@interlock/core";

/** Counts visitors: a process with a state of its own, one message at a time. */
export const Counter = genServer({
  name: "counter",
  init: (): { readonly visitors: number } => ({ visitors: 0 }),
  calls: {
    visit: ({ state }) => reply(state.visitors + 1, { visitors: state.visitors + 1 }),
  },
  casts: {
    crash: () => {
      throw new Error("as it was told");
    },
  },
});
`;

const web = (name: string): string => `import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ready } from "@interlock/cli/child";
import { genServer, local, reply, self } from "@interlock/core";
import { drainHttp } from "@interlock/kubernetes";
import { Counter } from "./counter.ts";

const counter = Counter.at(local("counter"));

/** The endpoint, as a process of the tree: it is closed when its supervisor stops it. */
export const Web = genServer({
  name: "web",
  init: async () => {
    self().trapExit();
    const server = createServer(async (request, response) => {
      try {
        if (request.url === "/crash") {
          counter.cast.crash();
          response.end("the counter has crashed, and counts again from 1\\n");
        } else response.end(\`hello from ${name}, visitor \${await counter.call.visit()}\\n\`);
      } catch {
        response.writeHead(503).end("the counter is being restarted\\n");
      }
    });
    // A pod that ends lets its visitors finish.
    drainHttp(server);
    server.listen(Number(process.env["PORT"] ?? 3000), process.env["HOST"] ?? "127.0.0.1");
    await once(server, "listening");
    const url = \`http://127.0.0.1:\${(server.address() as AddressInfo).port}\`;
    ready({ url });
    console.log(\`${name} is at \${url}\`);
    return { server, url };
  },
  calls: { url: ({ state }) => reply(state.url) },
  terminate: ({ state }) => void state.server.close(),
});
`;

const test = `import assert from "node:assert/strict";
import { test } from "node:test";
import { local } from "@interlock/core";
import application from "./application.ts";
import { Web } from "./web.ts";

process.env["PORT"] = "0";

test("counts visitors, and counts again after a crash", async () => {
  await application.start();
  try {
    const url = await Web.at(local("web")).call.url();
    const visit = async (path: string): Promise<string> => (await fetch(new URL(path, url))).text();
    assert.match(await visit("/"), /visitor 1/);
    assert.match(await visit("/"), /visitor 2/);
    await visit("/crash");
    let text = await visit("/");
    while (!text.includes("visitor")) text = await visit("/");
    assert.match(text, /visitor 1/);
  } finally {
    await application.stop();
  }
});
`;

const gitlab = (name: string): string => `# Test, release, deploy. Needs the variable KUBECONFIG, of the type File.
image: node:26

stages: [test, release, deploy]

test:
  stage: test
  script:
    - npm ci
    - npm test

release:
  stage: release
  rules: [{ if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH }]
  before_script:
    - apt-get update && apt-get install --yes skopeo
  script:
    - npm ci --omit=dev
    - skopeo copy docker://docker.io/library/node:26-slim oci-archive:node.tar
    - npx interlock release --base node.tar --tag "$CI_REGISTRY_IMAGE:$CI_COMMIT_SHORT_SHA"
    - skopeo copy --dest-creds "$CI_REGISTRY_USER:$CI_REGISTRY_PASSWORD" oci-archive:release/${name}.tar "docker://$CI_REGISTRY_IMAGE:$CI_COMMIT_SHORT_SHA"

deploy:
  stage: deploy
  rules: [{ if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH }]
  resource_group: production
  script:
    - npm ci
    - npx interlock deploy --image "$CI_REGISTRY_IMAGE:$CI_COMMIT_SHORT_SHA"
`;

const github = (name: string): string => `# Test, release, deploy. Needs the secret KUBECONFIG.
name: interlock
on: [push, pull_request]
permissions:
  contents: read
  packages: write
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-node@v4
        with: { node-version: 26 }
      - run: npm ci
      - run: npm test
  deploy:
    needs: test
    if: github.event_name == 'push' && github.ref_name == github.event.repository.default_branch
    runs-on: ubuntu-latest
    concurrency: production
    env:
      IMAGE: ghcr.io/\${{ github.repository }}:\${{ github.sha }}
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-node@v4
        with: { node-version: 26 }
      - run: npm ci --omit=dev
      - run: skopeo copy docker://docker.io/library/node:26-slim oci-archive:node.tar
      - run: npx interlock release --base node.tar --tag "$IMAGE"
      - run: skopeo copy --dest-creds "\${{ github.actor }}:\${{ secrets.GITHUB_TOKEN }}" oci-archive:release/${name}.tar "docker://\${IMAGE,,}"
      - run: |
          install -m 600 /dev/null "$RUNNER_TEMP/kubeconfig"
          echo "$KUBECONFIG_TEXT" > "$RUNNER_TEMP/kubeconfig"
          KUBECONFIG="$RUNNER_TEMP/kubeconfig" npx interlock deploy --image "\${IMAGE,,}"
        env:
          KUBECONFIG_TEXT: \${{ secrets.KUBECONFIG }}
`;

const readme = (name: string): string => `# ${name}

\`\`\`
npm install
npm run dev                          runs it, and again with every file that you save
curl localhost:3000                  hello from ${name}, visitor 1
curl localhost:3000/crash            the counter crashes; its supervisor starts it again
npm test
npx interlock deploy --dry-run       what would be sent to Kubernetes
npx interlock deploy                 sends it there, and follows it
npx interlock status -w              how it is there
npx interlock undo                   back to the version before
npx interlock doctor                 what is wrong, and what to try
\`\`\`

\`src/application.ts\` is the tree, \`src/counter.ts\` a process with a state, \`src/web.ts\` the endpoint, \`src/main.ts\` the program.
\`interlock.yaml\` says what it is on Kubernetes. \`.gitlab-ci.yml\` and \`.github/workflows/interlock.yml\` test, release and deploy it:
delete the one that you do not use.
`;
