/** The same service with what is recommended for Kubernetes; its Deployment has a preStop hook that sleeps 5 s. */
import { createTerminus } from "@godaddy/terminus";
import { makeService } from "./service.ts";

const RESTART = 1012;
const { listen, server, sockets } = makeService();

createTerminus(server, {
  signals: ["SIGTERM", "SIGINT"],
  healthChecks: { "/ready": async () => undefined },
  timeout: 20_000,
  // As PID 1 a program is not ended by its own SIGTERM.
  useExit0: true,
  beforeShutdown: async () => {
    for (const socket of sockets.clients) socket.close(RESTART, "Connect again.");
  },
});
listen();
