import type { AuditEvent } from '../event.js';
import type { Clock } from '../clock.js';
import type { SpoolLimits } from '../limits.js';
import type { AuditorPublicKey } from '../seal/auditor-key.js';
import type { SpoolPosition } from '../spool/folder.js';

export interface StreamWriterOptions {
  /** Root folder of the spool; made if it is not there. */
  dir: string;
  /** Facts of the agent that the writer's own events carry. */
  agent: AuditEvent['agent'];
  /** Asks the token service for the stream's certificate (see StreamCertificate). `publicKey`: base64url of 32 raw bytes. */
  certify(publicKey: string, stream: string): Promise<string>;
  /** Without it payloads are not kept. */
  auditorKey?: AuditorPublicKey | undefined;
  limits?: Partial<SpoolLimits> | undefined;
  /** Called with each checkpoint once it is on disk, so that no witness ever knows more than the spool. Must not throw. */
  onCheckpoint?: ((note: string) => void) | undefined;
  /** How far the shipper's acknowledged position is. Absent in the embedded default: nothing is shipped. */
  acknowledged?: (() => SpoolPosition) | undefined;
  clock?: Clock | undefined;
}
