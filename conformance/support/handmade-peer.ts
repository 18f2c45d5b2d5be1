/** A node made by hand: it has one process, which says to Interlock nodes exactly what a test wants said. */

import type { Address } from "@interlock/cluster";
import { type NodeName, remote, type Self, send } from "@interlock/core";
import {
  Atom,
  atom,
  type ControlMessage,
  ErlangPid,
  encode,
  ImproperList,
  Tuple,
  tuple,
  VISIBLE_NODE_FLAGS,
} from "@interlock/wire";
import { cookie } from "../../packages/cluster/src/node/nodes.fixture.ts";
import { Epmd, type Link, type Message, TestNode as WireNode } from "../../packages/wire/test/socket-shell.ts";
import type { TestNode } from "./nodes.ts";

const PASS_THROUGH = 112;
const INTERLOCK = 1n << 62n;
/** What Erlang's nodes can do: all but Interlock's own. */
export const ERLANG_FLAGS: bigint = VISIBLE_NODE_FLAGS & ~INTERLOCK;

/** Where such a node waits for others to dial it. */
export class HandmadeListener implements Disposable {
  readonly name: NodeName;
  readonly address: Address;
  readonly #accepted: () => Promise<Link>;
  readonly #node: WireNode;
  readonly #epmd: Epmd;

  private constructor(name: NodeName, port: number, accepted: () => Promise<Link>, node: WireNode, epmd: Epmd) {
    this.name = name;
    this.address = { host: "127.0.0.1", port };
    this.#accepted = accepted;
    this.#node = node;
    this.#epmd = epmd;
  }

  static async start({
    flags = ERLANG_FLAGS,
    name = "peer@127.0.0.1",
  }: HandmadeOptions = {}): Promise<HandmadeListener> {
    const node = new WireNode({ name, cookie, flags });
    const epmd = await Epmd.start();
    const accepted = await node.accept(epmd);
    const port = await epmd.portOf(name.slice(0, name.indexOf("@")));
    return new HandmadeListener(name, port, accepted, node, epmd);
  }

  /** The next one that dials. */
  async next(): Promise<HandmadePeer> {
    return new HandmadePeer(this.name, await this.#accepted(), this.#node);
  }

  [Symbol.dispose](): void {
    this.#node.close();
    this.#epmd.close();
  }
}

export interface HandmadeOptions {
  readonly name?: NodeName;
  readonly flags?: bigint;
}

type Control<T extends ControlMessage["type"]> = Extract<ControlMessage, { readonly type: T }>;

export class HandmadePeer implements Disposable {
  readonly name: NodeName;
  readonly link: Link;
  readonly #node: WireNode;

  constructor(name: NodeName, link: Link, node: WireNode) {
    this.name = name;
    this.link = link;
    this.#node = node;
  }

  static async dial(
    { name: other, node }: TestNode,
    { flags = ERLANG_FLAGS, name = "peer@127.0.0.1" }: HandmadeOptions = {},
  ): Promise<HandmadePeer> {
    const wire = new WireNode({ name, cookie, flags });
    return new HandmadePeer(name, await wire.dial(node.address.port, other), wire);
  }

  /** A frame without an atom cache: a control message of whatever form, and the bytes behind it. */
  raw(control: unknown, payload: Uint8Array = new Uint8Array()): void {
    const terms = control instanceof Uint8Array ? control : encode(control, { profile: "exact" });
    const length = Buffer.alloc(4);
    length.writeUInt32BE(1 + terms.length + payload.length);
    this.write(length, Uint8Array.of(PASS_THROUGH), terms, payload);
  }

  /** Its process. */
  get pid(): ErlangPid {
    return this.#node.pid;
  }

  /** Another one, which is there only by its name. */
  pidOf(id: number): ErlangPid {
    const { creation, node } = this.pid;
    return new ErlangPid(node, id, 0, creation);
  }

  reference(): ReturnType<WireNode["reference"]> {
    return this.#node.reference();
  }

  say(control: ControlMessage, payload?: unknown): void {
    this.link.send(control, payload);
  }

  /** The frames of a message, not sent yet. */
  frames(control: ControlMessage, payload?: unknown): readonly Uint8Array[] {
    const bytes = Buffer.concat(this.link.connection.send(control, payload, "exact"));
    const frames: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; ) {
      const end = at + 4 + bytes.readUInt32BE(at);
      frames.push(bytes.subarray(at, end));
      at = end;
    }
    return frames;
  }

  write(...frames: readonly Uint8Array[]): void {
    for (const frame of frames) this.link.socket.write(frame);
  }

  /** The next message of that type, of those that came and those that come. */
  async heard<T extends ControlMessage["type"]>(
    type: T,
  ): Promise<{ readonly control: Control<T>; readonly payload: unknown }> {
    const message: Message = await this.link.next(({ control }) => control.type === type);
    return message as never;
  }

  /** Resolves when all that was said before has been acted on: signals are taken in their order. */
  async acted(): Promise<void> {
    const tag = new ImproperList([atom("alias")], this.reference());
    this.link.sendTo(
      "net_kernel",
      tuple(atom("$gen_call"), tuple(this.pid, tag), tuple(atom("is_auth"), atom(this.name))),
    );
    await this.link.next(({ control, payload }) => control.type === "ALIAS_SEND" && isAnswer(payload));
  }

  /** A process there that runs `run`, and its pid as other nodes have it. */
  async begin<M>(at: TestNode, run: (self: Self<M>) => void | Promise<void>): Promise<ErlangPid> {
    at.start<M>((self) => {
      send(remote("introductions", this.name) as never, self.pid as never);
      return run(self);
    });
    const { payload } = await this.link.next(
      ({ control }) => control.type === "REG_SEND" && control.to === atom("introductions"),
    );
    return payload as ErlangPid;
  }

  /** Resolves when the other side has closed the connection. */
  async closed(): Promise<void> {
    const ended = this.link.next(() => false);
    await ended.then(
      () => undefined,
      () => undefined,
    );
  }

  [Symbol.dispose](): void {
    this.#node.close();
  }
}

function isAnswer(payload: unknown): boolean {
  return payload instanceof Tuple && payload.elements[1] instanceof Atom && payload.elements[1].name === "yes";
}
