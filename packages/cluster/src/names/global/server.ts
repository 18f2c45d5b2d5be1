/**
 * The process `global_name_server` of a node: carries out what the machine decides, and hears for it. Names are read at once,
 * by whoever asks; all else goes through its mailbox, in the order in which it came.
 *
 * Before `createNode` names are this program's own, as in Erlang before its node has a name.
 */
import type { LocalNode, Self } from "@interlock/core";
import { deliverSignal, exitFrom, type LocalPid, type Process, registerName } from "@interlock/core/distribution";
import type { GroupName as Term } from "../../groups/group-name.ts";
import { StandingProcess } from "../../groups/standing-process.ts";
import { useTerms, watchNodesOf } from "../../node/attached.ts";
import type { NetKernel } from "../../node/net-kernel.ts";
import { SERVER } from "./calls.ts";
import { offerMethods } from "./conflicts.ts";
import { GlobalLife, type GlobalOptions, type Joined } from "./life.ts";
import type { Registered, Registration } from "./registrar.ts";

const servers = new WeakMap<LocalNode, GlobalServer>();

export function globalOn(node: LocalNode): GlobalServer {
  const known = servers.get(node) ?? new GlobalServer(node);
  servers.set(node, known);
  return known;
}

/** Something to be done within the process. */
class Turn {
  readonly run: (self: Self<unknown>) => void;

  constructor(run: (self: Self<unknown>) => void) {
    this.run = run;
  }
}

export class GlobalServer {
  readonly #node: LocalNode;
  readonly #standing: StandingProcess;
  #joined: Joined | undefined;
  #life: GlobalLife | undefined;

  constructor(node: LocalNode) {
    this.#node = node;
    this.#standing = new StandingProcess(node, {
      label: "global names",
      begin: (process) => this.#begin(process),
      receive: (self, message) => (message instanceof Turn ? message.run(self) : this.#life?.receive(message)),
    });
    watchNodesOf(node, ({ node: name, type, visible }) => {
      if (visible && this.#joined !== undefined) this.#post((life) => life.machine.handle({ type, node: name }));
    });
  }

  /** Whether its names are those of the network that the node is part of, if it is part of one. */
  get isShared(): boolean {
    return this.#joined?.kernel === this.#node.network;
  }

  /** From now on the names are shared with the nodes that `kernel` reaches. **Errors** `INTERLOCK_NAME_TAKEN` */
  join(kernel: NetKernel, options: GlobalOptions): void {
    this.#joined = { kernel, options };
    offerMethods();
    // One that runs has run alone, and under no name.
    const { pid } = this.#standing;
    if (this.#node.names.get(SERVER)?.pid === pid) return;
    registerName(this.#node, SERVER, pid);
    this.#live();
  }

  /** The node leaves its network: what its own processes have they keep. */
  leave(): void {
    if (this.#joined === undefined) return;
    this.#joined = undefined;
    const { pid } = this.#standing;
    // Before the connections end, so that nobody hears from here that they did.
    if (pid.process !== undefined) exitFrom(pid, pid.process, "kill");
  }

  whereis(name: Term): LocalPid | undefined {
    return this.#life?.machine.state.whereis(name);
  }

  get names(): readonly Term[] {
    return Array.from(this.#life?.machine.state.names.all ?? [], ({ name }) => name);
  }

  /** Undefined: the server has ended meanwhile, and whether it was done is not known. */
  register(registration: Registration): Promise<Registered | undefined> {
    return this.#asked((life, done) => life.machine.register({ registration, done }));
  }

  /** Resolves when all visible nodes that are connected now have the same names. */
  async sync(): Promise<void> {
    await this.#asked((life, done) => life.sync(done));
  }

  #asked<T>(ask: (life: GlobalLife, done: (result: T) => void) => void): Promise<T | undefined> {
    return new Promise((resolve) => {
      this.#post((life) => {
        const abandoned = (): void => resolve(undefined);
        life.abandoned.add(abandoned);
        ask(life, (result) => {
          life.abandoned.delete(abandoned);
          resolve(result);
        });
      });
    });
  }

  /** Runs `work` within the process, after all that it has been sent until now. */
  #post(work: (life: GlobalLife) => void): void {
    this.#turn(() => {
      if (this.#life?.isOver === false) work(this.#life);
    });
  }

  #turn(run: (self: Self<unknown>) => void): void {
    const { process } = this.#standing.pid;
    if (process !== undefined) deliverSignal(process, new Turn(run));
  }

  #begin(process: Process): void {
    useTerms(process);
    if (this.#joined !== undefined) registerName(this.#node, SERVER, process.pid);
    // What it knows is read until the next one begins.
    this.#life?.end();
    // OTP: without its server a node would end. Here it leaves the others, and joins them with what is its own.
    for (const node of this.#life?.machine.state.up ?? []) this.#joined?.kernel.disconnect(node);
    this.#live();
  }

  #live(): void {
    this.#turn((self) => {
      const before = this.#life;
      before?.end();
      const post = (life: GlobalLife, work: () => void): void => this.#post((now) => now === life && work());
      this.#life = new GlobalLife({ node: this.#node, self, joined: this.#joined, own: before?.own ?? [], post });
    });
  }
}
