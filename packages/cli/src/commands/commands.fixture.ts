/** A terminal that keeps what it is told, before a fake API server. */
import { type ApiTransport, kubernetesApi } from "@interlock/kubernetes";
import { FakeApiServer } from "@interlock/kubernetes/testing";
import type { Connection, Terminal } from "../ui/terminal.ts";

class Kept {
  text = "";
  readonly columns = 120;
  write(text: string): void {
    this.text += text;
  }
}

export class TestTerminal implements Terminal {
  readonly server = new FakeApiServer();
  readonly out = new Kept();
  readonly talk = new Kept();
  /** What is between the command and the fake. */
  transport: ApiTransport = this.server;
  /** Where the ports of pods are. */
  forward: Connection["forward"] = () => Promise.reject(new Error("no pod has such a port"));

  async connect(): ReturnType<Terminal["connect"]> {
    const { forward, transport } = this;
    return { transport, forward, api: kubernetesApi({ transport, namespace: "shop" }) };
  }
}
