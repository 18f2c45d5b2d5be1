/** What a pod says of itself at `/here`, as JSON. */
export interface Here {
  readonly pod: string;
  readonly version: string;
  /** Of its drain. */
  readonly phase: string;
  readonly journals: number;
  readonly sockets: number;
  /** What its cluster is called, who is up in it and whom it misses, as this node has it. */
  readonly cluster: string | undefined;
  readonly members: readonly string[];
  readonly missing: readonly string[];
}
