/**
 * When a supervisor gives up: more than `intensity` restarts within `periodMs`. Decides on times alone. The window
 * slides in place: ten thousand children that fail at once must not cost ten thousand copies of it.
 */
export class RestartHistory {
  readonly #times: number[] = [];
  /** Where the window begins in `#times`. */
  #first = 0;

  /** Counts a restart at `nowMs`. @returns whether it is still within the limits. */
  allows(nowMs: number, intensity: number, periodMs: number): boolean {
    this.#times.push(nowMs);
    while (nowMs - (this.#times[this.#first] as number) > periodMs) this.#first++;
    // What has left the window is dropped once it is the greater part.
    if (this.#first > 64 && this.#first * 2 > this.#times.length) {
      this.#times.splice(0, this.#first);
      this.#first = 0;
    }
    return this.#times.length - this.#first <= intensity;
  }
}
