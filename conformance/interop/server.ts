/** The servers of interop-node.md: one program under four names, which speaks OTP's gen protocol by itself. */
import { atom, Charlist, exactTerms, ImproperList, onNode, Tuple, tuple } from "@interlock/cluster";
import { type NodeName, type Pid, ProcessExit, register, type Self, send, spawn } from "@interlock/core";

import { startAgent } from "./agent.ts";
import { delay } from "./delay.ts";
import { genCall } from "./gen-call.ts";
import type { InteropHost } from "./host.ts";
import { bytesOf, command, kindOf, listOf, nameOf, nodeNameOf } from "./terms.ts";

const GEN_CALL = atom("$gen_call");
const GEN_CAST = atom("$gen_cast");
const ok = atom("ok");

export function startServer(name: string, host: InteropHost): Pid<unknown> {
  const pid = spawn<unknown>(async function server(self) {
    exactTerms();
    const one = new Server(self, host);
    for (;;) one.receive(await self.receive());
  });
  register(name, pid);
  return pid;
}

/** Of `[alias | Ref]`, and of `[[alias | Ref] | _]`. */
function aliasIn(tag: unknown): unknown {
  if (!(tag instanceof ImproperList) || tag.elements.length !== 1) return undefined;
  const [first] = tag.elements;
  return first === atom("alias") ? tag.tail : aliasIn(first);
}

/** Not answered by what the handler returns: it answers later, or never. */
const later = Symbol("later");

function failure(error: unknown): Tuple {
  return tuple(atom("error"), new Charlist(String(error)));
}

type Answer = (value: unknown) => void;

class Server {
  readonly #self: Self<unknown>;
  readonly #host: InteropHost;
  #count = 0;

  constructor(self: Self<unknown>, host: InteropHost) {
    this.#self = self;
    this.#host = host;
  }

  /** Others are served by this process as well: it does not end for what has no sense. */
  receive(message: unknown): void {
    try {
      this.#receive(message);
    } catch (error) {
      if (error instanceof ProcessExit) throw error;
    }
  }

  #receive(message: unknown): void {
    if (!(message instanceof Tuple)) return;
    const [first, second, third] = message.elements as readonly unknown[];
    if (first === GEN_CALL && second instanceof Tuple) {
      const [from, tag] = second.elements as readonly unknown[];
      // To the alias in the tag, where a late answer finds nobody; to the caller if the tag is plain.
      const to = aliasIn(tag) ?? from;
      this.#call(third, (value) => send(to as Pid<unknown>, tuple(tag, value)));
    } else if (first === GEN_CAST) this.#cast(second);
    else if (message.elements.length === 2) send(first as Pid<unknown>, tuple(atom("echo"), second));
  }

  #call(request: unknown, answer: Answer): void {
    const asked = command(request);
    try {
      const value = asked === undefined ? undefined : this.#answerTo(asked.name, asked.args, answer);
      if (value !== later) answer(value === undefined ? tuple(atom("error"), atom("unknown_request")) : value);
    } catch (error) {
      if (error instanceof ProcessExit) throw error;
      answer(failure(error));
    }
  }

  #cast(request: unknown): void {
    const asked = command(request);
    if (asked?.name === "inc") this.#count++;
    else if (asked?.name === "send") send(asked.args[0] as Pid<unknown>, asked.args[1]);
  }

  #answerTo(name: string, args: readonly unknown[], answer: Answer): unknown {
    const [first, second, third, fourth] = args;
    const { node } = this.#host;
    switch (`${name}/${args.length}`) {
      case "echo/1":
        return first;
      case "self/0":
        return this.#self.pid;
      case "nodes/0":
        return node.nodes("connected").map((other) => atom(other));
      case "sleep/1":
        return this.#later(answer, async () => {
          await delay(first as number);
          return ok;
        });
      case "inc/0":
        return ++this.#count;
      case "get/0":
        return this.#count;
      case "reset/0":
        this.#count = 0;
        return ok;
      case "size/1":
        return bytesOf(first).length;
      case "make_binary/1":
        return new Uint8Array(first as number);
      case "length/1":
        return listOf(first).length;
      case "kind/1":
        return kindOf(first);
      case "agent/1":
        return startAgent(first, this.#host);
      case "start_named/1":
        return startAgent(this.#self.pid, this.#host, nameOf(first));
      case "crash_in_call/0":
        return this.#self.exit(atom("crashed_in_call") as never);
      case "call/2":
        genCall(first, second, answer);
        return later;
      case "erpc/4":
        return this.#later(answer, () => this.#erpc(nodeNameOf(first), second, third, fourth));
      case "spawn_on/4":
        return this.#later(answer, () => this.#host.spawn(nodeNameOf(first), second, third, listOf(fourth)));
      default: {
        const registering = this.#host.registering(name, args);
        return registering === undefined ? this.#host.named(name, args) : this.#later(answer, registering);
      }
    }
  }

  /** In a process of its own: this server goes on meanwhile. */
  #later(answer: Answer, work: () => Promise<unknown>): typeof later {
    spawn(async function worker() {
      exactTerms();
      answer(await work().catch(failure));
    });
    return later;
  }

  #erpc(to: NodeName, module: unknown, name: unknown, args: unknown): Promise<unknown> {
    const functions = onNode<Record<string, (...args: readonly unknown[]) => unknown>>(to, { name: nameOf(module) });
    return (functions[nameOf(name)] as (...args: readonly unknown[]) => Promise<unknown>)(...listOf(args));
  }
}
