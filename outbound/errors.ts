/**
 * The reason why a request of ours got no answer.
 * `refused`: the URL or its address is not allowed. `unreachable`: no connection, no name, no valid certificate, or a
 * connection that broke. `timeout`: the total time limit passed. `too-large`: the answer exceeds the size limit.
 * `unreadable`: the answer is not HTTP, or has an unknown encoding. `cancelled`: our side gave up. `busy`: too many requests
 * of ours are in flight.
 */
export type OutboundErrorKind =
  | 'refused'
  | 'unreachable'
  | 'timeout'
  | 'too-large'
  | 'unreadable'
  | 'cancelled'
  | 'busy';

const MESSAGES: Readonly<Record<OutboundErrorKind, string>> = {
  refused: 'this address is not allowed',
  unreachable: 'the server cannot be reached',
  timeout: 'the server did not answer in time',
  'too-large': 'the answer is too large',
  unreadable: 'the answer cannot be read',
  cancelled: 'the request was cancelled',
  busy: 'too many requests are in flight',
};

/** A request got no answer. The error tells nothing of the server, and has no cause, which could hold a secret. */
export class OutboundError extends Error {
  override readonly name = 'OutboundError';
  readonly kind: OutboundErrorKind;
  /** False: the server has not seen the request, so it is safe to repeat it. */
  readonly mayHaveArrived: boolean;

  constructor(kind: OutboundErrorKind, mayHaveArrived: boolean) {
    super(MESSAGES[kind]);
    this.kind = kind;
    this.mayHaveArrived = mayHaveArrived;
  }
}
