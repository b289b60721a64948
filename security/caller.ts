export type Role = 'admin' | 'member';

/** What authentication yields. Handlers see a caller, never a header. */
export interface Caller {
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly userId: string;
  readonly role: Role;
  /** What was shown: `api-key:<public id>`, `bearer`, or both. */
  readonly credential: string;
}
