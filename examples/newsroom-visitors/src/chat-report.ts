/** What the chat's visitors saw, as JSON. */

/** What a visitor of the chat has heard of all lines that were said. */
export interface Heard {
  readonly name: string;
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  /** Numbers that two lines had: there were two rooms. */
  readonly contradictions: readonly number[];
  /** Lines that came after a later one. */
  readonly outOfOrder: number;
  /** Of its own. */
  readonly unheard: number;
  /** The node that it is connected to at the end, and that of the room when it came in. */
  readonly place: string;
  /** Each time from a connection's end until the visitor was in the room again. */
  readonly gapsMs: readonly number[];
}

export interface ChatReport {
  readonly from: number;
  readonly to: number;
  readonly spoken: number;
  readonly heard: readonly Heard[];
}
