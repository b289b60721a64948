import { DecryptError } from '../crypto/fernet.ts';
import type { KeyRing } from '../crypto/key-ring.ts';
import {
  CIPHERTEXT_COLUMNS,
  type CiphertextColumn,
  type CiphertextRepository,
  FIRST_PAGE,
  nameOf,
  type StoredCiphertext,
} from '../db/ciphertexts.ts';

const PAGE = 500;

/** A ciphertext that no key opens. It stays as it is. */
export interface Unreadable {
  readonly column: string;
  readonly organizationId: string;
  readonly id: string;
}

export interface Rotation {
  readonly rotated: number;
  readonly unreadable: readonly Unreadable[];
}

interface Parts {
  readonly ciphertexts: CiphertextRepository;
  readonly keyRing: KeyRing;
}

/**
 * Seals again, with the first key, what other keys have sealed, page by page beside the running service. It leaves rows alone
 * that change meanwhile. So it may be stopped, repeated, and run twice at once. Each organization gets one audit record.
 * @param report called with the number of rotated ciphertexts so far
 */
export async function rotate(parts: Parts, report: (rotated: number) => void): Promise<Rotation> {
  let rotated = 0;
  const unreadable: Unreadable[] = [];
  const recorded = new Set<string>();
  for (const column of CIPHERTEXT_COLUMNS) {
    // Repeats until a pass finds nothing, because a service with the old ring may have sealed rows behind the page.
    let pass: Rotation;
    do pass = await rotateColumn(parts, column, recorded, count);
    while (pass.rotated > 0);
    unreadable.push(...pass.unreadable);
  }
  return { rotated, unreadable };

  function count(more: number): void {
    rotated += more;
    report(rotated);
  }
}

async function rotateColumn(
  { ciphertexts, keyRing }: Parts,
  column: CiphertextColumn,
  recorded: Set<string>,
  count: (more: number) => void,
): Promise<Rotation> {
  const [first = ''] = keyRing.fingerprints();
  const unreadable: Unreadable[] = [];
  let rotated = 0;
  for (let after = FIRST_PAGE; ; ) {
    const page = await ciphertexts.page(column, first, after, PAGE);
    const last = page.at(-1);
    if (last === undefined) return { rotated, unreadable };
    const resealed = page.flatMap((stored) => {
      const sealed = reseal(keyRing, stored);
      if (sealed !== undefined) return [{ ...stored, sealed }];
      unreadable.push({ column: nameOf(column), organizationId: stored.organizationId, id: stored.id });
      return [];
    });
    const organizations = new Set(page.map(({ organizationId }) => organizationId));
    const unrecorded = [...organizations].filter((id) => !recorded.has(id));
    const replaced = await ciphertexts.replace(column, resealed, unrecorded);
    for (const { organizationId } of replaced) recorded.add(organizationId);
    const more = replaced.reduce((sum, { rows }) => sum + rows, 0);
    rotated += more;
    count(more);
    after = last;
  }
}

function reseal(keyRing: KeyRing, { ciphertext }: StoredCiphertext) {
  try {
    return keyRing.seal(keyRing.open(ciphertext));
  } catch (error) {
    if (error instanceof DecryptError) return undefined;
    throw error;
  }
}
