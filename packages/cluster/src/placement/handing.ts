/** The keys that a host hands over: how far each is, and which ones wait for their turn. Pure. */

export interface Handing<P> {
  readonly key: string;
  /**
   * `freezing`: all hosts are told who the heir is; `taking`: the heir begins the process; `completing`: it has, and has been
   * sent the rest. `ending`, `stranded`: the process is being ended here.
   */
  stage: "freezing" | "taking" | "completing" | "ending" | "stranded";
  /** One for each heir. */
  attempt: number;
  heir: P | undefined;
  readonly tried: Set<P>;
  /** Hosts that have not acknowledged this attempt. */
  awaited: Set<P>;
  /** The process is being packed, or has been. */
  packing: boolean;
  parcel: { readonly content: unknown } | undefined;
  /** Nobody took what was packed: it is to begin afresh elsewhere. */
  afresh: boolean;
  /** The process has been ended meanwhile, with this reason: only what was packed is left. */
  ended: { readonly reason: unknown } | undefined;
}

export class HandingQueue<P> {
  readonly #concurrency: number;
  readonly #priority: (key: string) => number;
  readonly #running = new Map<string, Handing<P>>();
  readonly #waiting = new Map<string, number>();
  #sorted: string[] = [];

  constructor(concurrency: number, priority: (key: string) => number) {
    this.#concurrency = concurrency;
    this.#priority = priority;
  }

  get(key: string): Handing<P> | undefined {
    return this.#running.get(key);
  }

  get all(): Iterable<Handing<P>> {
    return this.#running.values();
  }

  get busy(): boolean {
    return this.#running.size > 0 || this.#waiting.size > 0;
  }

  add(key: string): void {
    if (this.#running.has(key) || this.#waiting.has(key)) return;
    this.#waiting.set(key, this.#priority(key));
    this.#sorted = [];
  }

  get mayBegin(): boolean {
    return this.#running.size < this.#concurrency && this.#waiting.size > 0;
  }

  /** The most valuable key that waits. */
  next(): string {
    if (this.#sorted.length === 0)
      this.#sorted = [...this.#waiting].sort(([, one], [, other]) => one - other || 0).map(([key]) => key);
    const key = this.#sorted.pop() as string;
    this.#waiting.delete(key);
    return key;
  }

  begin(key: string): Handing<P> {
    const handing: Handing<P> = {
      key,
      stage: "freezing",
      attempt: 0,
      heir: undefined,
      tried: new Set(),
      awaited: new Set(),
      packing: false,
      parcel: undefined,
      afresh: false,
      ended: undefined,
    };
    this.#waiting.delete(key);
    this.#running.set(key, handing);
    return handing;
  }

  end(key: string): void {
    this.#running.delete(key);
    if (this.#waiting.delete(key)) this.#sorted = [];
  }

  /** Nothing that waits will run. */
  stopWaiting(): void {
    this.#waiting.clear();
    this.#sorted = [];
  }
}
