import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { OutboundError } from './errors.ts';

const inflate = promisify(gunzip);

/**
 * Reads a body as UTF-8. A compressed body is read too, although we ask for none: it may hold the only copy of a new refresh
 * token.
 * @param maxBytes of the body as it arrives and once it is inflated
 * @throws OutboundError
 */
export async function readBody(
  body: Readable,
  headers: Readonly<Record<string, string>>,
  maxBytes: number,
): Promise<string> {
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw refuse(body, 'too-large');
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    if (!Buffer.isBuffer(chunk)) throw refuse(body, 'unreadable');
    length += chunk.length;
    if (length > maxBytes) throw refuse(body, 'too-large');
    chunks.push(chunk);
  }
  const bytes = await decode(Buffer.concat(chunks), headers['content-encoding'], maxBytes);
  return bytes.toString('utf8').replace(/^\uFEFF/, '');
}

async function decode(bytes: Buffer, encoding = 'identity', maxBytes: number): Promise<Buffer> {
  if (encoding === 'identity' || encoding === '') return bytes;
  if (encoding !== 'gzip') throw new OutboundError('unreadable', true);
  return inflate(bytes, { maxOutputLength: maxBytes }).catch((error: NodeJS.ErrnoException) => {
    throw new OutboundError(error.code === 'ERR_BUFFER_TOO_LARGE' ? 'too-large' : 'unreadable', true);
  });
}

/** Ends the connection: the rest of the body is not read. */
function refuse(body: Readable, kind: 'too-large' | 'unreadable'): OutboundError {
  body.on('error', () => undefined).destroy();
  return new OutboundError(kind, true);
}
