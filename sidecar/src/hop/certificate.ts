/** A pod's certificate for the hop: a key that never leaves this process, certified by the operator and renewed in time. */
import { generateKeyPairSync } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Log } from '../config/log.js';
import { retried } from '../control/follow.js';
import type { OperatorClient } from '../control/operator-client.js';
import { CERTIFICATE_LOOK_MS, RENEW_AFTER_PART } from './limits.js';

export interface HopIdentity {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
  /** PEM of the CAs by which the other end is verified. */
  readonly ca: string;
}

interface Held extends HopIdentity {
  /** Milliseconds since the epoch. */
  renewAt: number;
}

export class HopCertificate {
  #held: Held | undefined;

  constructor(
    private readonly operator: Pick<OperatorClient, 'certificate'>,
    /** Milliseconds since the epoch. */
    private readonly now: () => number = Date.now,
  ) {}

  /** undefined: none was asked for yet. */
  get current(): HopIdentity | undefined {
    return this.#held;
  }

  /** Throws OperatorError. */
  async renew(): Promise<HopIdentity> {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { certificate, ca, expires } = await this.operator.certificate(publicKey.export({ format: 'der', type: 'spki' }));
    const now = this.now();
    const key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    this.#held = { cert: certificate, key, ca, renewAt: now + (Date.parse(expires) - now) * RENEW_AFTER_PART };
    return this.#held;
  }

  get due(): boolean {
    return this.#held !== undefined && this.now() >= this.#held.renewAt;
  }
}

/** Renews what is due until the signal aborts; `renewed` is told each time. */
export async function followCertificate(
  certificate: HopCertificate,
  log: Log,
  signal: AbortSignal,
  renewed: (identity: HopIdentity) => void = () => undefined,
): Promise<void> {
  while (!signal.aborted) {
    await pause(CERTIFICATE_LOOK_MS, undefined, { signal }).catch(() => undefined);
    if (!certificate.due || signal.aborted) continue;
    const identity = await retried('certificate', log, signal, () => certificate.renew()).catch(() => undefined);
    if (identity) renewed(identity);
  }
}
