/** The auditor's private key, for commands that open sealed bodies. */
import type { Ledger, PayloadReader } from '@cairn/ledger';

/** Throws where the file is missing or holds no private key. */
export async function payloadReader(ledger: Ledger, file: string): Promise<PayloadReader> {
  const [{ readFileSync }, { parseAuditorJwk }, { PayloadReader: Reader }] = await Promise.all([
    import('node:fs'),
    import('@cairn/audit'),
    import('@cairn/ledger'),
  ]);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Error(`the auditor key ${file} cannot be read: ${(cause as NodeJS.ErrnoException).code ?? 'unknown'}`, { cause });
  }
  return new Reader(ledger, parseAuditorJwk(text));
}
