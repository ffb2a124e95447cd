/** Plaintext of a sealed body, straight from a sidecar's spool, with the auditor's private key. */
import { readPayload, SpoolReader, unseal, type AuditEvent, type PayloadReference } from '@cairn/audit';
import type { Relay } from './relay.js';

export async function unsealRecord(relay: Relay, event: AuditEvent, reference: PayloadReference): Promise<Buffer> {
  const { stream } = event.integrity;
  const records = new SpoolReader(relay.sidecar.spoolFolder).read(1_000_000);
  const sealing = relay.sidecar.events().find((each) => each.stage === 'stream.open' && each.integrity.stream === stream)?.stream?.sealing;
  const { kid, d } = relay.plane.auditorKey.privateJwk;
  if (!sealing || d === undefined) throw new Error(`stream ${stream} is not sealed`);
  return readPayload(reference, (record) => {
    const found = records.find((each) => each.kind === 'payload' && each.stream === stream && each.record === record);
    if (found?.kind !== 'payload') throw new Error(`payload record ${record} is missing`);
    return unseal({ kid, d }, sealing, stream, record, found.ciphertext);
  });
}
