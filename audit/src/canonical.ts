import canonicalize from 'canonicalize';

// The package is CommonJS and its types claim a default export that Node does not see.
const serialize = canonicalize as unknown as (value: unknown) => string | undefined;

/**
 * RFC 8785 canonical JSON. Absent (`undefined`) members are left out. Throws on NaN, infinities and values that JSON cannot say.
 */
export function canonicalJson(value: unknown): string {
  const text = serialize(value);
  if (text === undefined) throw new TypeError('canonical JSON has no form for this value');
  return text;
}
