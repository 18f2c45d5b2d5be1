/**
 * What ends a placement's host on a node that is cut off from the side of its cluster that goes on, with all processes that it
 * has, and has it begin anew when the node may do unique work again. The others see it end and come as any other host.
 */
import {
  type AnyGenServer,
  exit,
  genServer,
  isError,
  noreply,
  type Pid,
  type SupervisorRef,
  self,
  unowned,
} from "@interlock/core";
import { callingProcess } from "@interlock/core/distribution";
import { suspension } from "../node/halt.ts";

/**
 * @param host the child's id; its init answers `ignore()` while the node is suspended.
 * @param supervisor of both.
 */
export function gatekeeper(name: string, host: string, supervisor: (parent: Pid) => SupervisorRef): AnyGenServer {
  return genServer({
    name: `${name}_gatekeeper`,
    init() {
      const { node, parent } = callingProcess("a placement");
      const { pid } = self();
      const top = supervisor(parent as Pid);
      const begin = async (): Promise<void> => {
        try {
          await top.restartChild(host);
        } catch (error) {
          // It runs, or the node has been suspended again. Anything else is for the supervisor.
          if (!isError(error, "INTERLOCK_CHILD") && !isError(error, "INTERLOCK_START_IGNORED"))
            exit(pid, "host_failed");
        }
      };
      // Its supervisor is being stopped: then the host ends anyhow.
      const end = (): Promise<void> => top.terminateChild(host).catch(() => undefined);
      const forget = suspension.enter(node, { halt: () => unowned(end), goOn: () => void unowned(begin) });
      self().own({ close: forget });
      // While the placement started it may have changed.
      void unowned(() => (suspension.isHalted(node) ? end() : begin()));
      return undefined;
    },
    info: () => noreply(),
  });
}
