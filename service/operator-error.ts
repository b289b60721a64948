/** An error whose message is for the operator. */
export class OperatorError extends Error {}
