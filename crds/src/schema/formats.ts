/** Texts with a form of their own, each with the words that say what the form is. */
import type { Schema } from './structural.js';

interface Format {
  pattern: string;
  maxLength: number;
  /** Completes the sentence "must be ...". */
  means: string;
}

const FORMATS = {
  label: {
    pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$',
    maxLength: 63,
    means: 'lower-case letters, digits and hyphens, as in `orders-2`',
  },
  subdomain: {
    pattern: '^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$',
    maxLength: 253,
    means: 'lower-case letters, digits, hyphens and dots, as in `orders-ro`',
  },
  secretKey: { pattern: '^[-._a-zA-Z0-9]+$', maxLength: 253, means: "a Secret's key: letters, digits, `-`, `_` and `.`" },
  host: {
    pattern: '^[A-Za-z0-9_.:-]+$',
    maxLength: 253,
    means: 'a DNS name or an IP address alone, without scheme, port, path, brackets or wildcard',
  },
  duration: { pattern: '^([0-9]+(h|m|s))+$', maxLength: 20, means: 'a duration such as `30m` or `1h30m`' },
  url: { pattern: '^https?://[^\\s?#]+$', maxLength: 512, means: 'a URL that begins with https:// and has no query or fragment' },
  digest: { pattern: '^sha256:[0-9a-f]{64}$', maxLength: 71, means: '`sha256:` and 64 hexadecimal digits' },
} satisfies Record<string, Format>;

/** A text of that form. */
export function formatted(description: string, format: keyof typeof FORMATS, more: Partial<Schema> = {}): Schema {
  const { pattern, maxLength } = FORMATS[format];
  return { type: 'string', description, minLength: 1, maxLength, pattern, ...more };
}

const MEANINGS = new Map<string, string>(Object.values(FORMATS).map(({ pattern, means }) => [pattern, means]));

/** What a pattern of these formats means in words. */
export function meaningOf(pattern: string): string | undefined {
  return MEANINGS.get(pattern);
}
