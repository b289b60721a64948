import { InvalidArgumentError } from 'commander';
import { isUuid } from '../crypto/uuid.ts';
import { isProviderId, isProviderUrl } from '../oauth/provider.ts';

const MAX_NAME = 255;
const MAX_SECONDS = 250_000_000_000;
const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** A name for people. Commands take it in place of an id. */
export function name(value: string): string {
  if (value.trim() === '') throw new InvalidArgumentError('It must not be empty or blank.');
  if (value !== value.trim()) throw new InvalidArgumentError('It must not begin or end with a blank.');
  if ([...value].length > MAX_NAME) {
    throw new InvalidArgumentError(`It must have at most ${MAX_NAME} characters.`);
  }
  if (/\p{Cc}/u.test(value)) throw new InvalidArgumentError('It must not hold control characters.');
  if (isUuid(value)) {
    throw new InvalidArgumentError('It must not look like an id (a UUID), since commands take both.');
  }
  return value;
}

/** In seconds: `90d`, `12h`, `30m`, `45s`, `2w`, or a number of seconds. */
export function duration(value: string): number {
  const [, digits = '', unit = 's'] = /^([1-9]\d{0,11})([smhdw])?$/.exec(value) ?? [];
  const seconds = Number(digits) * secondsOf(unit);
  if (digits === '' || seconds > MAX_SECONDS) {
    throw new InvalidArgumentError(
      `It must be a duration such as 90d, 12h or 30m, or a number of seconds, up to ${MAX_SECONDS} seconds.`,
    );
  }
  return seconds;
}

const secondsOf = (unit: string): number =>
  Object.entries(SECONDS).find(([letter]) => letter === unit)?.[1] ?? 1;

export function userId(value: string): string {
  if (value.trim() === '') throw new InvalidArgumentError('It must not be empty or blank.');
  if (value.length > MAX_NAME) throw new InvalidArgumentError(`It must have at most ${MAX_NAME} characters.`);
  return value;
}

export function uuid(value: string): string {
  if (isUuid(value)) return value;
  throw new InvalidArgumentError('It must be a UUID.');
}

export function providerId(value: string): string {
  if (isProviderId(value)) return value;
  throw new InvalidArgumentError(
    'It must have 1 to 255 of the characters A-Z a-z 0-9 . _ ~ - and not be . or ..',
  );
}

export function providerUrl(value: string): string {
  if (isProviderUrl(value)) return value;
  throw new InvalidArgumentError(
    'It must be an https URL without user info or fragment (http only on a loopback host).',
  );
}
