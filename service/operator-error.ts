/** A failure told in words for an operator. */
export class OperatorError extends Error {}
