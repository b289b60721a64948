/** What a request is for: the label of its metrics and the name of its span. */
export type Purpose = 'token' | 'revocation' | 'registration' | 'metadata' | 'keys' | 'mcp';

export interface OutboundRequest {
  readonly purpose: Purpose;
  readonly url: string;
  /** Default `GET`. */
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For everything: name, connection, answer. Default 10 s. */
  readonly timeoutMs?: number;
  /** Of the answer's body, also when it is inflated. Default 256 KiB. */
  readonly maxBytes?: number;
  /** Gives the request up. */
  readonly signal?: AbortSignal;
}

export interface OutboundResponse {
  readonly status: number;
  /** By lower-case name; of a repeated field, the first line. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}
