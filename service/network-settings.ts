import { isIP } from 'node:net';
import { isAllowEntry } from '../outbound/addresses.ts';
import { isLoopback } from '../outbound/urls.ts';
import type { Settings } from './settings.ts';

/** Has a default on a loopback host only: elsewhere only the operator knows the URL that browsers use. */
export function publicUrl({ problems, text, valid }: Settings): string {
  const url = valid('PUBLIC_URL', isPublicUrl, 'an http(s) URL without user info, query or fragment');
  const host = text('HOST') ?? '127.0.0.1';
  const authority = isIP(host) === 6 ? `[${host}]` : host;
  if (text('PUBLIC_URL') === undefined && !isLoopback(authority)) {
    problems.push(
      'PUBLIC_URL is required, since HOST is not a loopback address: the URL at which callers and browsers reach the service, such as https://tokenhold.example.com',
    );
  }
  return (url ?? `http://${authority}:${text('PORT') ?? 8124}`).replace(/\/+$/, '');
}

/** Empty: public addresses only. */
export function outboundAllow({ valid }: Settings): readonly string[] {
  const entries = (value: string) => value.split(',').map((entry) => entry.trim());
  const must =
    'a list of networks, addresses and host names, separated by commas, such as 10.1.0.0/16, login.corp.example, *.corp.example';
  const value = valid('OUTBOUND_ALLOW', (given) => entries(given).every(isAllowEntry), must);
  return value === undefined ? [] : entries(value);
}

function isPublicUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, username, password, search, hash } = new URL(value);
  return ['http:', 'https:'].includes(protocol) && `${username}${password}${search}${hash}` === '';
}
