import { mkdir, readFile, writeFile, chmod } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { TOKEN_CHARACTERS } from './limits.js';

/** Where `cairn launch` leaves the token of a login, and where other commands find it. */
export const DEFAULT_TOKEN_FILE = join(homedir(), '.config', 'cairn', 'token');

export async function storeToken(file: string, token: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeFile(file, `${token}\n`, { mode: 0o600 });
  // The mode above counts for a new file only.
  await chmod(file, 0o600);
}

export async function readToken(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => {
    throw new Error(`there is no token at ${file}; log in with cairn launch, or name another file with --token-file`);
  });
  const token = text.trim();
  if (token === '' || token.length > TOKEN_CHARACTERS || /\s/.test(token)) throw new Error(`${file} does not hold one token`);
  return token;
}
