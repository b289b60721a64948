const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** Whether a host name, as `URL.hostname` gives it, names this machine only. */
export const isLoopback = (hostname: string): boolean => LOOPBACK.test(hostname);

/** Whether the URL is `https`, or `http` on a loopback host (RFC 8252, section 7.3), and holds no user info. */
export function isSecureUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, hostname, username, password } = new URL(value);
  if (username !== '' || password !== '') return false;
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
}
