const PAUSE_MS = 60_000;
/** The pause after a run is at least this many times its duration. */
const PAUSE_FACTOR = 20;

/**
 * Runs one at a time, and pauses for a minute after each run, or for twenty times its duration if that is more. So counts of
 * a large vault take at most a twentieth of a PostgreSQL process. A failure leaves the earlier result.
 */
export function rarely(run: () => Promise<void>): () => Promise<void> {
  let latest: Promise<void> = Promise.resolve();
  let dueAt = 0;
  return () => {
    if (performance.now() >= dueAt) {
      dueAt = Number.POSITIVE_INFINITY;
      const start = performance.now();
      latest = run()
        .catch(() => undefined)
        .finally(() => {
          const end = performance.now();
          dueAt = end + Math.max(PAUSE_MS, PAUSE_FACTOR * (end - start));
        });
    }
    return latest;
  };
}
