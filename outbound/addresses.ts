import ipaddr from 'ipaddr.js';

type Network = readonly [ipaddr.IPv4 | ipaddr.IPv6, number];

export interface AddressRules {
  /** Whether a connection may go to this IP address. */
  isAllowedAddress(address: string): boolean;
  /** Whether the operator lists this host by name. Its addresses are not checked then. */
  isAllowedHost(hostname: string): boolean;
}

/** IPv4-compatible addresses (RFC 4291, section 2.5.5.1), which ipaddr.js counts as `unicast`. */
const IPV4_COMPATIBLE = ipaddr.IPv6.parseCIDR('::/96');
const HOST_NAME = /^(?:\*\.)?(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/i;

/** Whether `createAddressRules` understands this entry of `OUTBOUND_ALLOW`. */
export const isAllowEntry = (entry: string): boolean =>
  readNetwork(entry) !== undefined || (HOST_NAME.test(entry) && !/^[\d.]+$/.test(entry));

/**
 * Decides which servers may be asked. Public unicast addresses are allowed, others only if they are listed.
 * @param allow networks (`10.0.0.0/8`), addresses, host names, and `*.example.com` for every name below `example.com`
 * @param allowsLoopback for development, when the service itself is reached on a loopback address
 */
export function createAddressRules(allow: readonly string[], allowsLoopback: boolean): AddressRules {
  const networks = allow.map(readNetwork).filter((network) => network !== undefined);
  const hosts = allow.filter((entry) => readNetwork(entry) === undefined).map((host) => host.toLowerCase());
  return {
    isAllowedAddress(text) {
      if (!ipaddr.isValid(text)) return false;
      const address = ipaddr.process(text); // unmaps ::ffff:127.0.0.1
      if (networks.some((network) => contains(network, address))) return true;
      if (address.range() === 'loopback') return allowsLoopback;
      return address.range() === 'unicast' && !contains(IPV4_COMPATIBLE, address);
    },
    isAllowedHost: (hostname) =>
      hosts.some((host) => (host.startsWith('*.') ? hostname.endsWith(host.slice(1)) : hostname === host)),
  };
}

function readNetwork(entry: string): Network | undefined {
  const text = entry.replace(/^\[(.*)\]$/, '$1');
  if (ipaddr.isValidCIDR(text)) return ipaddr.parseCIDR(text);
  if (ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text)) {
    const address = ipaddr.process(text);
    return [address, address.kind() === 'ipv4' ? 32 : 128];
  }
  return undefined;
}

const contains = ([network, bits]: Network, address: ipaddr.IPv4 | ipaddr.IPv6): boolean =>
  network.kind() === address.kind() && address.match(network, bits);
