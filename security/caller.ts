export type Role = 'admin' | 'member';

/** The result of authentication. Handlers see a caller, never a header. */
export interface Caller {
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly userId: string;
  readonly role: Role;
  /** The users that the caller may act for: its own, or any user of its organization. */
  readonly actsFor: 'user' | 'organization';
  /** The credentials of the request: `api-key:<public id>`, `bearer`, or both. */
  readonly credential: string;
}

export const mayActFor = ({ actsFor, userId }: Caller, user: string): boolean =>
  actsFor === 'organization' || userId === user;
