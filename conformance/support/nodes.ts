/** Nodes of one program, each with processes of its own, and what the tests of them have in common. */
import { type NodeName, type Pid, register, remote, type Self, send } from "@interlock/core";
import type { LocalPid } from "@interlock/core/distribution";

import type { TestNode } from "../../packages/cluster/src/node/nodes.fixture.ts";

export { dammed, muffled } from "../../packages/cluster/src/node/faulty-ports.fixture.ts";
export { nextEvent, TestCluster, type TestNode } from "../../packages/cluster/src/node/nodes.fixture.ts";

/** What the processes of these tests say to each other. */
export interface Note {
  readonly type: "note";
  readonly text: unknown;
  readonly from?: Pid<Note>;
}

export function note(to: Pid<Note>, text: unknown, from?: Pid<Note>): void {
  send(to, from === undefined ? { type: "note", text } : { type: "note", text, from });
}

/** Answers each note with the same text, and its own pid, until it is told to stop. */
export async function answering(self: Self<Note>): Promise<void> {
  for (;;) {
    const { from, text } = await self.receive({ type: "note" });
    if (text === "stop") return;
    if (from !== undefined) note(from, text, self.pid);
  }
}

/** A process of that node, known there by `name` once it runs. */
export function begin(
  at: TestNode,
  name: string,
  run: (self: Self<Note>) => void | Promise<void> = answering,
): Pid<Note> {
  const { pid } = at.start<Note>((self) => {
    register(name, self.pid);
    return run(self);
  });
  return pid as LocalPid<never> as LocalPid<Note>;
}

/** Sends a note to the process of that name, and gives its answer: all that was sent there before has been taken. */
export function ask(self: Self<Note>, name: string, node: NodeName, text: unknown = "hello"): Promise<Note> {
  send(remote(name, node), { type: "note", text, from: self.pid } as never);
  return self.receive({ type: "note" });
}

/** The pid of the process of that name on another node, which must answer. */
export async function pidOf(self: Self<Note>, name: string, node: NodeName): Promise<Pid<Note>> {
  const { from } = await ask(self, name, node);
  if (from === undefined) throw new Error(`${name} on ${node} did not say who it is`);
  return from;
}
