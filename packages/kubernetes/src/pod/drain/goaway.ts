/** The end of HTTP/2 connections: GOAWAY, and then the last answer. */
import type { ServerHttp2Session } from "node:http2";
import { nodeRuntime, unowned } from "@interlock/core";

const NO_ERROR = 0;
/** No stream is refused yet: requests that cross the news of the end are still answered. @see RFC 9113 section 6.8 */
const LAST_STREAM = 2 ** 31 - 1;
/** For the news to cross, and for an idle connection to show whether it is one. */
const GOAWAY_MS = 1_000;

export class Sessions {
  /** Whether they have been told. */
  readonly #all = new Map<ServerHttp2Session, { isTold: boolean }>();
  #isAnnounced = false;

  opened(session: ServerHttp2Session): void {
    this.#all.set(session, { isTold: false });
    session.once("close", () => this.#all.delete(session));
    if (this.#isAnnounced) this.#tellSoon(session);
  }

  announce(): void {
    this.#isAnnounced = true;
    for (const session of this.#all.keys()) this.#tellSoon(session);
  }

  /**
   * With its next request, or when it has none. A client that is told between two requests may have the second one begun and
   * not sent, and cannot send it any more: Node.js then fails it.
   */
  #tellSoon(session: ServerHttp2Session): void {
    const tell = (): void => {
      const state = this.#all.get(session);
      if (state === undefined || state.isTold) return;
      state.isTold = true;
      session.goaway(NO_ERROR, LAST_STREAM);
      // Ends it with its last answer.
      later(() => session.close());
    };
    session.once("stream", tell);
    later(tell);
  }

  close(): void {
    for (const session of this.#all.keys()) session.close();
  }

  cut(): void {
    for (const session of this.#all.keys()) session.destroy();
  }
}

function later(callback: () => void): void {
  unowned(() => nodeRuntime.timers.set(callback, GOAWAY_MS));
}
