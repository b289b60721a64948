import type { LookupAddress } from 'node:dns';
import { lookup, Resolver } from 'node:dns/promises';
import type { AddressRules } from './addresses.ts';
import { isLoopback } from './urls.ts';

/** All addresses of a host name. It rejects when there are none. */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

const LIMITS = { timeout: 2_000, tries: 2 };

/**
 * Resolves public names by DNS, and names that the operator lists by the system's resolver, which knows /etc/hosts and
 * search domains. The system's resolver uses one of libuv's four threads for each name: an admin could occupy all of them
 * with names that resolve slowly.
 */
export function createResolve({ isAllowedHost }: AddressRules): Resolve {
  const resolver = new Resolver(LIMITS);
  return async (hostname) => {
    if (isLoopback(hostname) || isAllowedHost(hostname))
      return lookup(hostname, { all: true, verbatim: true });
    const answers = await Promise.allSettled([
      resolver.resolve4(hostname).then((all) => all.map((address) => ({ address, family: 4 }))),
      resolver.resolve6(hostname).then((all) => all.map((address) => ({ address, family: 6 }))),
    ]);
    const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
    if (addresses.length === 0) throw new Error('the name has no address');
    return addresses;
  };
}
