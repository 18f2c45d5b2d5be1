/**
 * The ticker's subtree. `rest_for_one`: the ticker depends on the feed before it, so a feed that is restarted takes the
 * ticker along, and not the other way round.
 */
import { type ChildSpec, local, supervisor } from "@interlock/core";
import { Feed } from "./feed.ts";
import { Ticker } from "./ticker.ts";

export const tickerSup = supervisor({
  name: "ticker_sup",
  strategy: "rest_for_one",
  intensity: 3,
  periodMs: 10_000,
  children: (sessionMs: number) => [
    Feed.child([sessionMs], { name: local("feed") }),
    Ticker.child([], { name: local("ticker") }),
  ],
});

/**
 * `transient` is OTP's idiom for a subtree that may be lost: a supervisor that gives up ends with `shutdown`, which is
 * no failure in a transient child's eyes, so newsroom_sup neither restarts it, as it would a permanent one until it gave
 * up itself, nor forgets its spec, as it would a temporary one's. It stays in the table, stopped, and `restartChild`
 * brings it back. A ticker_sup that is killed, or ends by a bug of its own, is restarted all the same.
 */
export function tickerSubtree(sessionMs: number): ChildSpec {
  return tickerSup.child([sessionMs], { name: local("ticker_sup"), restart: "transient" });
}
