/** A terminal that keeps what it is told, before a fake API server. */
import { type ApiTransport, kubernetesApi } from "@interlock/kubernetes";
import { FakeApiServer } from "@interlock/kubernetes/testing";
import type { Terminal } from "../ui/terminal.ts";

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

  async connect(): ReturnType<Terminal["connect"]> {
    const { transport } = this;
    return { transport, api: kubernetesApi({ transport, namespace: "shop" }) };
  }
}
