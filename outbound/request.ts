/** The purpose of a request: the label of its metrics, and the name of its span. */
export type Purpose = 'token' | 'revocation' | 'registration' | 'metadata' | 'keys' | 'mcp' | 'installation';

export interface OutboundRequest {
  readonly purpose: Purpose;
  readonly url: string;
  /** Default `GET`. */
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For the look-up of the name, the connection and the answer together. Default 10 s. */
  readonly timeoutMs?: number;
  /** The limit of the answer's body, also once it is inflated. Default 256 KiB. */
  readonly maxBytes?: number;
  /** Cancels the request. */
  readonly signal?: AbortSignal;
}

export interface OutboundResponse {
  readonly status: number;
  /** By lower-case name; of a repeated field, the first line. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}
