/** What the load saw, as JSON: the clients write it, the detector (e2e/detector.ts) judges it. */

/** A request that was not answered, or not well; all that is needed to say whose fault it was. */
export interface Failure {
  readonly kind: string;
  readonly method: string;
  /** `ECONNRESET`, `HTTP 503`, `timeout`, `garbled`. */
  readonly error: string;
  /** When it was sent, by the clock of the machine (Unix epoch, milliseconds), and how long after that it failed. */
  readonly at: number;
  readonly afterMs: number;
  /** Of the client's end of its connection. */
  readonly port: number | undefined;
  /** The connection had answered requests before: so many, the last one so many milliseconds before this one was sent … */
  readonly answersBefore: number;
  readonly idleMs: number | undefined;
  /** … by this pod, in this phase of its drain … */
  readonly lastPod: string | undefined;
  readonly lastPhase: string | undefined;
  /** … which had announced with `Connection: close` that there would be no other one. */
  readonly wasAnnounced: boolean;
  /** The server's FIN had been seen by the client so many milliseconds before it sent the request; negative: after that. */
  readonly finBeforeMs: number | undefined;
}

export interface Answers {
  readonly sent: number;
  readonly answered: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Where a WebSocket ended up after it was closed. */
export interface Landing {
  readonly key: string;
  readonly at: number;
  readonly closeCode: number;
  readonly from: string | undefined;
  readonly pod: string;
  /** Of that pod's drain: anything but `serving` is a pod that is about to go. */
  readonly phase: string;
  /** From the close to the new connection's welcome. */
  readonly gapMs: number;
  /** Attempts that failed in between. */
  readonly attempts: number;
}

/** What a client wrote to its journal by its WebSocket, and what was in it at the end. */
export interface Written {
  readonly key: string;
  readonly written: number;
  readonly confirmed: number;
  readonly lost: readonly number[];
  readonly doubled: readonly number[];
  readonly outOfOrder: readonly number[];
  /** What the server said of numbers that it could not write; they were sent again. */
  readonly refused: readonly string[];
  /** The longest time that a number waited for its confirmation. */
  readonly longestWaitMs: number;
}

export interface LoadReport {
  readonly from: number;
  readonly to: number;
  readonly requestsPerSecond: number;
  /** The longest time by which the clients' own program was late: with seconds of that, times say nothing. */
  readonly lateMs: number;
  readonly requests: Readonly<Record<string, Answers>>;
  /** The first 200 of them. */
  readonly failures: readonly Failure[];
  readonly landings: readonly Landing[];
  readonly written: readonly Written[];
}
