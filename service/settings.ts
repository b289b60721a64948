export type Environment = Readonly<Record<string, string | undefined>>;

export type Settings = ReturnType<typeof reader>;

/** Reads settings one by one and collects their problems, a line each. An empty setting counts as none. */
export function reader(env: Environment) {
  const problems: string[] = [];
  const text = (name: string): string | undefined => env[name]?.trim() || undefined;
  const valid = (name: string, isValid: (value: string) => boolean, must: string): string | undefined => {
    const value = text(name);
    if (value === undefined || isValid(value)) return value;
    problems.push(`${name} must be ${must}`);
    return undefined;
  };
  const integer = (
    name: string,
    { from, to, otherwise }: { from: number; to: number; otherwise: number },
  ): number => {
    const isInRange = (value: string) =>
      /^\d{1,9}$/.test(value) && Number(value) >= from && Number(value) <= to;
    return Number(valid(name, isInRange, `a whole number from ${from} to ${to}`) ?? otherwise);
  };
  return { problems, text, valid, integer };
}
