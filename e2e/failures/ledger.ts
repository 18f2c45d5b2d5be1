/**
 * The resource: what is written there may be written by one owner at a time. It is a server of this machine, outside of the
 * nodes, so that it is reached by nodes which do not reach the Lease, and keeps all that it was asked in the order in which it came.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { ownedTwice } from "../../conformance/netsplit/ledger.ts";
import { run } from "../kubernetes.ts";

export interface Entry {
  readonly by: string;
  /** 0: it showed none. */
  readonly token: number;
  readonly kind: "clerk" | "planted";
  /** Epoch, milliseconds. */
  readonly at: number;
  readonly accepted: boolean;
}

/** As it is asked; a planted writer shows no token. */
type Written = Pick<Entry, "by" | "kind"> & Partial<Pick<Entry, "token">>;

/** Beside that of the control plane: cut off from the one, nodes still reach the other. */
const { LEDGER_HOST: host = "10.245.0.200", LEDGER_LINK: link = "k8s0" } = process.env;

export class Ledger implements Disposable {
  readonly entries: Entry[] = [];
  /** False: it takes what anybody writes, as a resource without a fence does. */
  fenced = true;
  #highest = 0;
  #url = "";
  readonly #server = createServer((asked, answer) => void this.#write(asked, answer));

  async #write(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    let text = "";
    for await (const chunk of asked) text += chunk;
    const { by, kind, token = 0 } = JSON.parse(text) as Written;
    const accepted = !this.fenced || (token > 0 && token >= this.#highest);
    this.#highest = Math.max(this.#highest, token);
    this.entries.push({ by, kind, token, accepted, at: Date.now() });
    answer.writeHead(accepted ? 200 : 409).end();
  }

  static async open(): Promise<Ledger> {
    const ledger = new Ledger();
    const has = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === host));
    if (!has) await run("ip", ["addr", "add", `${host}/32`, "dev", link]);
    ledger.#server.listen(0, host);
    await once(ledger.#server, "listening");
    ledger.#url = `http://${host}:${(ledger.#server.address() as AddressInfo).port}`;
    return ledger;
  }

  get url(): string {
    return this.#url;
  }

  /** Two owned it at that moment, and it took the write of the wrong one. */
  get staleAccepted(): readonly Entry[] {
    return ownedTwice(this.entries.filter(({ accepted }) => accepted));
  }

  get refused(): readonly Entry[] {
    return this.entries.filter(({ accepted }) => !accepted);
  }

  /** The one that wrote last. */
  get owner(): Entry | undefined {
    return this.entries.findLast(({ accepted, kind }) => accepted && kind === "clerk");
  }

  /** Milliseconds without an owner between the last write of `from` and the first of somebody else after it. */
  handOverMs(from: string): number | undefined {
    const taken = this.entries.filter(({ accepted, kind }) => accepted && kind === "clerk");
    const last = taken.findLastIndex(({ by }) => by === from);
    const [before, after] = [taken[last], taken[last + 1]];
    return before === undefined || after === undefined ? undefined : after.at - before.at;
  }

  [Symbol.dispose](): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
