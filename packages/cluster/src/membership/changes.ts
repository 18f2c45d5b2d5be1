/** Events of a watcher as something to iterate over. */

/**
 * What `watch` tells from this call on, in order, until `ended` is aborted. Kept until it is read; the watch ends with the
 * loop that reads it.
 */
export function changesOf<T>(watch: (watcher: (event: T) => void) => () => void, ended: AbortSignal): AsyncIterable<T> {
  const unread: T[] = [];
  let wake: () => void = () => undefined;
  const end = watch((event) => {
    unread.push(event);
    wake();
  });
  const stop = (): void => {
    end();
    wake();
  };
  if (ended.aborted) stop();
  else ended.addEventListener("abort", stop, { once: true });
  return {
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          // Those that came meanwhile, too: what was told before the end is read before it.
          yield* unread.splice(0);
          if (unread.length > 0) continue;
          if (ended.aborted) return;
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      } finally {
        ended.removeEventListener("abort", stop);
        end();
      }
    },
  };
}
