/** Lists that are read page by page, in the order of their ids. Each page is bounded in rows and in bytes. */
import { setTimeout as delay } from 'node:timers/promises';

const MAX_ROWS = 500;
/** Most lists are shorter, and so take one statement. */
const FIRST_ROWS = 100;
/** A page ends with the row that reaches this size. */
const PAGE_BYTES = 262_144;
/** After each page, a long list rests for this many times the duration of the page, and others are served. */
const RESTS = 6;
const MAX_REST_MS = 1_000;
const BEFORE_ALL = '00000000-0000-0000-0000-000000000000';

/** A column about the page, beside those of the row. */
export interface PagePlace {
  readonly id: string;
  /** The number of rows before the page was cut at its bytes. */
  readonly found: number;
}

/** The bindings of a page: the rows behind the id `after`, `size` at most. */
export interface PageBindings {
  readonly after: string;
  readonly size: number;
}

/**
 * Cuts a page at its bytes.
 * @param page selects rows with an `id` in its order, behind `:after` and `:size` at most
 * @param bytes about how many bytes a row takes, from its columns
 */
export const cutPage = (page: string, bytes: string): string => `
SELECT * FROM (
  SELECT page.*, (count(*) OVER ())::integer AS found,
    sum(${bytes}) OVER (ORDER BY page.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS "bytesBefore"
  FROM (${page}) AS page
) AS measured
WHERE "bytesBefore" IS NULL OR "bytesBefore" < ${PAGE_BYTES}
ORDER BY id`;

/**
 * The rows of all pages. A page is read when the rows before it are taken. Large rows make pages short. A page has at most
 * twice the rows of the one before, so that PostgreSQL measures few rows that it does not send.
 */
export async function* readPages<Row extends PagePlace>(
  read: (bindings: PageBindings) => Promise<readonly Row[]>,
): AsyncGenerator<Row, void> {
  for (let page: PageBindings = { after: BEFORE_ALL, size: FIRST_ROWS }; ; ) {
    const start = performance.now();
    const rows = await read(page);
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || (rows.length === last.found && last.found < page.size)) return;
    await delay(Math.min(RESTS * (performance.now() - start), MAX_REST_MS));
    page = { after: last.id, size: Math.min(2 * rows.length, MAX_ROWS) };
  }
}
