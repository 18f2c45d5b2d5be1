/** What the page says besides the numbers. */
import type { Results } from "./results.ts";

export const deployments = `| | |
|---|---|
| plain | a Node.js service as one writes it: Express and \`ws\`, rooms in memory, a readiness and a liveness probe ([source](../evaluation/services/src/plain.ts)) |
| good-practice | the same with what is recommended for Kubernetes: 5 s of sleep in \`preStop\`, the server closed on SIGTERM, by [terminus](https://github.com/godaddy/terminus) ([source](../evaluation/services/src/good-practice.ts)) |
| newsroom-1 | the [newsroom](../examples/newsroom/README.md) with one replica |
| newsroom-3 | with three |

All have the same chat with the same protocol, the same requests are asked of them, and all had a pod for each replica with the same memory. The first
two have one replica, as their rooms are in the memory of one process: visitors of a second one would not hear those of the first. So the first three compare with each
other; the fourth shows what more pods add once the state is not bound to one of them. Whoever counts pods alone could have three of the plain ones, too, and would then need a
broker for the chat; that was not measured.`;

export function conditions({ environment, runs }: Results): string {
  const { cores, kubernetes, memoryGiB, nodeJs, nodes, processor } = environment;
  const loads = runs.map(({ loadAverage }) => loadAverage.toFixed(1)).toSorted((a, b) => Number(a) - Number(b));
  const times = runs.map(({ measuredAt }) => measuredAt.slice(0, 16)).toSorted();
  const when = `Its load average was ${loads[0]} to ${loads.at(-1)}, by this and by other work. Between ${times[0]} and ${times.at(-1)} UTC.`;
  return `* **Machine**: ${cores} cores (${processor.trim()}), ${memoryGiB} GiB, on which Kubernetes ${kubernetes} with ${nodes} nodes, all pods and all visitors run together; Node.js ${nodeJs}.
  ${runs.length > 0 ? when : "**Nothing was measured on it yet.**"}
* **Each figure is of one run**: small differences mean nothing. All deployments met each fault at the same time.
* **Visitors**: 80 requests a second in an open loop, a quarter of them POST and a quarter on new connections; ten connections that are idle for up to 9 s; eight users who chat, of whom one says something every half second;
  each second a newcomer who enters the room and reads what was said. A request has 5 s. Users connect again at once, every 100 ms until they are in, and when they have heard nothing for 3 s.
* **Time to heal**: from the first moment at which something was wrong for a visitor (a request that was lost, a user who was out of the room for more than a second) to the last one.
* **State lost**: of the last 40 messages that their speakers had heard come back, how many the worst served newcomer did not find in the room.
* **Healed by**: what acted, from below. Containers and pods are counted by Kubernetes, restarts of processes by the newsroom's own report.
* **The same for all**: 256 MiB of memory, restricted Pod Security, 30 s on a machine that is silent before its pods are replaced (Kubernetes' own default is 300 s). In this cluster a machine is silent after 12 s (default 50 s).
* **The archive**, where the newsroom keeps its articles, stands for a database and is spared; the plain services have their articles in the program.`;
}

export const limits = `* **A handler that throws** is caught by any framework, here by Express and by a \`try\` around the chat's messages. A supervisor is no better for the visitor there; what it adds is that the room begins with a state that is known to be good.
* **One replica** is one process of the operating system. What ends it, ends all that is in its memory, with Interlock as without: a room is copied to other nodes, and there are none.
* **What is in memory on several nodes is not durable.** When all pods are lost at once, so is what they held. What must not be lost belongs into a database.
* **A machine that is cut off** still gets its share of the visitors until Kubernetes has noticed; no program inside of a pod can change that, and those who are connected to it wait.
* **A part whose cause stays broken** is given up by its supervisor, which is what keeps the rest alive; it stays down until somebody starts it again. A container that is restarted tries by itself for ever.
* **Bad configuration** is held back by Kubernetes from whatever has a readiness probe. Interlock adds the reason, and says it soon.
* **One heap and one thread**: a process of Interlock that never comes to an end, or that takes all memory, takes its node along. It is found out by a watchdog or the kernel, and the container is restarted: no better than plain.
  A watchdog may also end a program that merely gets no processor for ten seconds.
* **Errors that do not crash** (a wrong price, a message that is accepted and forgotten) are healed by nobody.
* **It has to be learnt**: processes, supervisors, names, hand-over. Whoever has no state in memory, and no part that may fail alone, gets the same from Kubernetes and the second column here with less.`;

export const doneBy = `\`\`\`sh
npm run evaluate                                          # on ../shared/kubernetes
npm run evaluate -- --faults crash,killed --deployments plain,newsroom-3
npm run evaluate -- --quick --faults crash,rolling-update --check --out /tmp/evaluation
npm run evaluate -- --render                              # this page, from the numbers that are there
\`\`\`

On another cluster KUBECONFIG, \`E2E_IMAGE_LOADER\` and \`E2E_BASE\` say how images get there, and \`EVALUATION_NODE\` names a program for what is done to machines:
\`cut NODE\`, \`plug NODE\`, \`exec NODE COMMAND…\`. The numbers are in [evaluation.json](evaluation.json).`;
