/** What the main thread and the thread of the management port say to each other. */

/** What the thread asks the main thread. */
export type Question = "startup" | "ready" | "prestop" | "status";

export interface Asked {
  readonly id: number;
  readonly question: Question;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export interface Answered extends Answer {
  readonly id: number;
}

/** What the thread says once: where it listens, or why it does not. */
export type Opened = { readonly port: number } | { readonly problem: string };

export interface ThreadOptions {
  readonly managementPort: number;
  readonly host: string | undefined;
  readonly token: string | undefined;
  /** Milliseconds that the main thread may hang; 0 is for ever. */
  readonly hangMs: number;
  /** Milliseconds that it may take for an answer. */
  readonly answerMs: number;
  readonly beats: Int32Array;
  /** One word: whether the program has started, and its root supervisors are alive. */
  readonly root: Int32Array;
}

export const TOKEN_HEADER = "x-interlock-token";

/** What the word of the root says. */
export const rootWords = { none: 0, alive: 1, ended: 2 } as const;
