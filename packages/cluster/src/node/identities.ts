/**
 * Pids and references as they cross the wire, so that equal ones are one object here: those of this node are found again
 * by their number when they come back, those of others are made once for each life (creation) of their node.
 *
 * A reference of this node has three words: its number (low, high) and 0, as Erlang's.
 */
import { LocalPid, Reference, RemotePid, RemoteReference } from "@interlock/core/distribution";
import { type Atom, ErlangPid, ErlangReference, type Identities } from "@interlock/wire";
import type { NodeLife } from "./peer.ts";
import { WeakTable } from "./weak-table.ts";

/** Erlang allows 18 bits in the first word of references of older nodes; everyone accepts that. */
const LOW_WORD = 2 ** 18;
const WORDS = 3;

export interface Lives {
  /** This node, as its own pids name it. */
  readonly name: Atom;
  readonly creation: number;
  /** The home of identifiers of another node, or of an earlier life of this one. */
  life(name: Atom, creation: number): NodeLife;
}

export class NodeIdentities implements Identities {
  readonly #lives: Lives;
  readonly #localPids = new WeakTable<number, LocalPid>();
  readonly #localReferences = new WeakTable<number, Reference>();

  constructor(lives: Lives) {
    this.#lives = lives;
  }

  #isHere(node: Atom, creation: number): boolean {
    // Creation 0 means any life: tools and tests write pids so.
    return node === this.#lives.name && (creation === this.#lives.creation || creation === 0);
  }

  pid(node: Atom, id: number, serial: number, creation: number): LocalPid {
    if (this.#isHere(node, creation)) {
      const known = this.#localPids.get(id);
      // One that was collected here belonged to a process that has ended.
      if (known !== undefined && serial === 0) return known;
    }
    return this.#lives.life(node, creation).pid(id, serial);
  }

  reference(node: Atom, words: readonly number[], creation: number): Reference {
    if (this.#isHere(node, creation) && words.length <= WORDS && (words[2] ?? 0) === 0) {
      const known = this.#localReferences.get(numberOf(words));
      if (known !== undefined) return known;
    }
    return this.#lives.life(node, creation).reference(words);
  }

  /** The process of this node with that number, as long as anyone holds its pid. */
  localPid(id: number): LocalPid | undefined {
    return this.#localPids.get(id);
  }

  localReference(words: readonly number[]): Reference | undefined {
    return this.#localReferences.get(numberOf(words));
  }

  parts(value: object): ErlangPid | ErlangReference | undefined {
    if (value instanceof LocalPid) return this.pidParts(value);
    if (value instanceof Reference) return this.referenceParts(value);
    return undefined;
  }

  pidParts(pid: LocalPid): ErlangPid {
    if (pid instanceof RemotePid) {
      const { atom: node, creation } = pid.home as NodeLife;
      return new ErlangPid(node, pid.id, pid.serial, creation);
    }
    if (this.#localPids.get(pid.id) === undefined) this.#localPids.set(pid.id, pid);
    return new ErlangPid(this.#lives.name, pid.id, 0, this.#lives.creation);
  }

  referenceParts(reference: Reference): ErlangReference {
    if (reference instanceof RemoteReference) {
      const { atom: node, creation } = reference.home as NodeLife;
      return new ErlangReference(node, reference.words, creation);
    }
    if (this.#localReferences.get(reference.id) === undefined) this.#localReferences.set(reference.id, reference);
    return new ErlangReference(this.#lives.name, wordsOf(reference.id), this.#lives.creation);
  }
}

function wordsOf(number: number): readonly number[] {
  return [number % LOW_WORD, Math.floor(number / LOW_WORD), 0];
}

/** The number of a reference of this node. */
export function numberOf(words: readonly number[]): number {
  return (words[0] ?? 0) + (words[1] ?? 0) * LOW_WORD;
}
