/** A spool as sidecars leave it, written by the real writer and certified by a token service of its own. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalJson, createStreamWriter, STREAM_CERTIFICATE_TYPE, uuidv7, type AuditEvent, type CertificateTrust } from '@cairn/audit';
import { auditorPublicKey, generateAuditorKey, type AuditorJwk, type SpoolStreamWriter } from '@cairn/audit';
import { generateSigningKey, signJwt } from '@cairn/identity';
import { LEDGER_FILES } from '../store/folder.js';

const ISSUER = 'https://cairn.example';
const AGENT = { name: 'planner', namespace: 'research', pod: 'planner-0', uid: 'uid-planner', node: 'node-1' };

type Certify = (publicKey: string, stream: string) => Promise<string>;

export class TestSpool {
  readonly folder = mkdtempSync(join(tmpdir(), 'cairn-spool-'));
  readonly auditor: AuditorJwk & { d: string };
  readonly trust: CertificateTrust;
  readonly #certify: Certify;

  private constructor(trust: CertificateTrust, certify: Certify) {
    this.trust = trust;
    this.#certify = certify;
    this.auditor = generateAuditorKey().privateJwk;
  }

  static async create(): Promise<TestSpool> {
    const key = await generateSigningKey('ES256');
    const pod = { namespace: AGENT.namespace, name: AGENT.pod, uid: AGENT.uid };
    return new TestSpool({ issuer: ISSUER, jwks: { keys: [key.publicJwk] } }, (x, sub) => {
      const cnf = { jwk: { kty: 'OKP', crv: 'Ed25519', x } };
      return signJwt(key, STREAM_CERTIFICATE_TYPE, { iss: ISSUER, sub, iat: 1_790_000_000, cnf, pod, agent: AGENT.name });
    });
  }

  writer(): Promise<SpoolStreamWriter> {
    return createStreamWriter({ dir: this.folder, agent: AGENT, certify: this.#certify, auditorKey: auditorPublicKey(this.auditor) });
  }

  /** Writes one stream of `count` events from its beginning to its end; bodies sealed. */
  async stream(count: number, event: Partial<AuditEvent> = {}): Promise<string[]> {
    const writer = await this.writer();
    const ids = Array.from({ length: count }, (_, index) => {
      const payload = writer.payload([Buffer.from(`{"body":${index}}`)], 'application/json')!;
      const id = uuidv7();
      const request = { size: 10, payload: [payload] };
      writer.append(
        ...pieces({ id, stage: 'gap', time: new Date().toISOString(), agent: AGENT, request, ...event, gap: { count: 1, reason: 'test' } }),
      );
      return id;
    });
    await writer.close('done');
    return ids;
  }

  trustFile(folder: string): void {
    writeFileSync(join(folder, LEDGER_FILES.trust), JSON.stringify(this.trust));
  }
}

/** The two pieces that StreamWriter.append takes. */
function pieces(event: Partial<AuditEvent>): [head: string, tail: string] {
  const text = canonicalJson({ ...event, integrity: 0 });
  const at = text.indexOf(',"integrity":0,');
  return [text.slice(0, at), text.slice(at + ',"integrity":0,'.length)];
}
