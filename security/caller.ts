export type Role = 'admin' | 'member';

/** What authentication yields. Handlers see a caller, never a header. */
export interface Caller {
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly userId: string;
  readonly role: Role;
  /** Whom the caller may act for: its user alone, or any user of its organization. */
  readonly actsFor: 'user' | 'organization';
  /** What was shown: `api-key:<public id>`, `bearer`, or both. */
  readonly credential: string;
}

export const mayActFor = ({ actsFor, userId }: Caller, user: string): boolean =>
  actsFor === 'organization' || userId === user;
