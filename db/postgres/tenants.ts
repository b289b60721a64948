/** Idle tenants are forgotten when this many are known, and twice as many as were busy the last time. */
const MIN_KNOWN = 1024;

/**
 * Keeps something for each tenant, made when the tenant is first named. An idle tenant stays known for a while: a `Map` that is
 * emptied and filled again makes a table each time. V8's tables refer to their successors, so what dead ones hold, and all
 * later ones, survive young collections.
 * @returns a function that finds what is kept for a name
 */
export function rememberTenants<Tenant>(
  make: (name: string) => Tenant,
  isBusy: (tenant: Tenant) => boolean,
): (name: string) => Tenant {
  let known = new Map<string, Tenant>();
  let forgetAt = MIN_KNOWN;
  return (name) => {
    const found = known.get(name);
    if (found !== undefined) return found;
    if (known.size >= forgetAt) {
      known = new Map([...known].filter(([, tenant]) => isBusy(tenant)));
      forgetAt = Math.max(MIN_KNOWN, 2 * known.size);
    }
    const tenant = make(name);
    known.set(name, tenant);
    return tenant;
  };
}
