import { buffer } from 'node:stream/consumers';
import { OperatorError } from '../service/operator-error.ts';

/**
 * The secret on standard input, without the line end behind it.
 * @throws OperatorError when there is none, or it is not UTF-8
 */
export async function readSecret(option: string): Promise<string> {
  const secret = decode(await buffer(process.stdin), option).replace(/\r?\n$/, '');
  if (secret.trim() === '') throw new OperatorError(`standard input holds no secret (${option})`);
  return secret;
}

function decode(bytes: Buffer, option: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new OperatorError(`standard input is not valid UTF-8 (${option})`);
  }
}
