/** Fills the folder that the agent's containers see, read-only: certificates that they are to trust. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';

/** `ca.crt` is the pod's CA; `bundle.crt` the public roots and that CA. Written whole or not at all. */
export function writeAgentFolder(folder: string, certificate: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  place(join(folder, 'ca.crt'), certificate);
  place(join(folder, 'bundle.crt'), `${rootCertificates.join('\n')}\n${certificate}\n`);
}

function place(file: string, content: string): void {
  writeFileSync(`${file}.new`, content, { mode: 0o644 });
  renameSync(`${file}.new`, file);
}
