/** The processes that Erlang's nodes expect to find on every node, under their own names. */
import {
  exit,
  genServer,
  type LocalNode,
  local,
  noreply,
  type Pid,
  reply,
  type SystemMessage,
  send,
} from "@interlock/core";
import { spawnProcess } from "@interlock/core/distribution";
import { atom, Tuple, tuple } from "@interlock/wire";

/** `net_adm:ping` asks it whether the cookie is right; who can ask has it. */
const NetKernelServer = genServer({
  name: "net_kernel",
  init: () => 0,
  calls: { is_auth: (_ctx, _node: unknown) => reply(atom("yes")) },
  info: () => noreply(),
});

/** Asked for its features by every visible node that connects. */
const Rex = genServer({
  name: "rex",
  init: (node: string): { readonly node: string } => ({ node }),
  info({ state }, message: SystemMessage | Tuple) {
    if (message instanceof Tuple && message.elements[1] === atom("features_request"))
      send(message.elements[0] as Pid<Tuple>, tuple(atom("features_reply"), atom(state.node), [atom("erpc")]));
    return noreply();
  },
});

/** Starts them on `node`. @returns what ends them. */
export async function startSystemProcesses(node: LocalNode): Promise<() => void> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly Pid[]>();
  spawnProcess(
    node,
    async function kernel() {
      try {
        const started = [
          await NetKernelServer.named(local("net_kernel")).start(),
          await Rex.named(local("rex")).start(node.name),
        ];
        resolve(started.map(({ pid }) => pid));
      } catch (error) {
        reject(error as Error);
      }
    },
    undefined,
    false,
    undefined,
  );
  const pids = await promise;
  return () => {
    for (const pid of pids) exit(pid, "shutdown");
  };
}
