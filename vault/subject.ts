import { ForbiddenError } from '../security/authenticate.ts';
import { type Caller, mayActFor } from '../security/caller.ts';

/** The users that a request names. Null or absent: none. */
export interface NamedUsers {
  readonly userId?: string | null | undefined;
  /** Used if `userId` names none. */
  readonly lsUserId?: string | null | undefined;
}

/**
 * The user that a request acts for: the user that it names, or else the caller's own.
 * @throws ForbiddenError when the caller may not act for that user
 */
export function subjectOf(caller: Caller, { userId, lsUserId }: NamedUsers): string {
  const subject = userId ?? lsUserId ?? caller.userId;
  if (!mayActFor(caller, subject)) throw new ForbiddenError();
  return subject;
}
