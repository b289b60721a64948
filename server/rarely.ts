const PAUSE_MS = 60_000;
/** The pause after a run, in times of its duration. */
const PAUSE_FACTOR = 20;

/**
 * Runs at most one at a time, and starts none within a minute of the last. A long one is followed by a pause of twenty times
 * its time, so that counts of a large vault take at most a twentieth of a PostgreSQL process. A failure leaves the earlier
 * result.
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
