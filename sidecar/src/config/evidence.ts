/** Opens what evidence goes through: the stream in the spool, its witness, its way to Kafka, and what sessions record with. */
import { createStreamWriter, EventClock, type AuditEvent, type SpoolStreamWriter } from '@cairn/audit';
import type { Bundle } from '@cairn/crds';
import type { OperatorClient } from '../control/operator-client.js';
import { Turn } from '../pump/turn.js';
import type { RecorderServices } from '../record/recorder.js';
import { EvidenceRing } from '../record/ring.js';
import { Tally } from '../record/tally.js';
import { startShipper, type Shipper } from '../ship/shipper.js';
import type { EvidenceConfig } from './config.js';
import type { Log } from './log.js';

export interface Evidence {
  stream: SpoolStreamWriter;
  shipper: Shipper | undefined;
  recorder: RecorderServices;
  ring: EvidenceRing;
  /** Resolves when the operator has seen, or refused, every checkpoint so far: a tail nobody witnessed could be cut unseen. */
  witnessed: () => Promise<void>;
}

/** `agent`: whose stream it is. */
export async function openEvidence(
  config: EvidenceConfig,
  agent: AuditEvent['agent'],
  operator: OperatorClient,
  auditorKey: Bundle['auditorKey'],
  log: Log,
): Promise<Evidence> {
  const clock = new EventClock();
  const shipper =
    config.kafka &&
    startShipper({
      dir: config.spoolFolder,
      kafka: config.kafka,
      clientId: `cairn-${agent.pod}`,
      onProblem: (problem) => {
        if (problem) log.warn('evidence does not reach Kafka and waits in the spool', { code: problem.code, reason: problem.message });
        else log.info('evidence reaches Kafka again');
      },
    });
  const witness = checkpointWitness(operator, log);
  const stream = await createStreamWriter({
    dir: config.spoolFolder,
    agent,
    certify: (publicKey, id) => operator.certifyStream(id, publicKey),
    auditorKey,
    limits: config.spoolLimits,
    clock,
    ...(shipper ? { acknowledged: () => shipper.acknowledged() } : {}),
    onCheckpoint: witness.tell,
  });
  const turn = new Turn(stream);
  const ring = new EvidenceRing(stream, () => turn.touch());
  const recorder: RecorderServices = { stream, turn, clock, now: () => performance.now(), agent, tally: new Tally() };
  return { stream, shipper, recorder, ring, witnessed: witness.told };
}

/** What ending takes of it. */
export interface Ending {
  ring: Pick<EvidenceRing, 'drain'>;
  stream: Pick<SpoolStreamWriter, 'id' | 'close'>;
  shipper: Pick<Shipper, 'close' | 'lag'> | undefined;
  witnessed: () => Promise<void>;
}

/**
 * Ends the stream in order: what was recorded is sealed, then witnessed and shipped. Neither waits for the other, and a stream that
 * cannot be sealed is shipped as it is: the spool may go with the pod, which has seconds left.
 */
export async function closeEvidence(
  { ring, stream, witnessed, shipper }: Ending,
  operator: Pick<OperatorClient, 'closeStream'>,
  reason: string,
  log: Log,
): Promise<void> {
  ring.drain();
  const sealed = await stream.close(reason).then(
    () => true,
    (error: Error) => {
      log.error('the stream has no end', { reason: error.message });
      return false;
    },
  );
  const told = async (): Promise<void> => {
    await witnessed();
    if (!sealed) return;
    await operator.closeStream(stream.id).catch((error: Error) => log.warn('the stream was not closed', { reason: error.message }));
  };
  await Promise.all([told(), shipper?.close()]);
  if (shipper && shipper.lag > 0)
    log.error('evidence is left in the spool; it is lost where that goes with the pod', { bytes: shipper.lag });
}

/** Tells the operator of checkpoints, one after another, so that it never sees a smaller one after a larger. */
function checkpointWitness(operator: OperatorClient, log: Log): { tell: (note: string) => void; told: () => Promise<void> } {
  let last = Promise.resolve();
  const tell = (note: string): void => {
    last = last.then(() => operator.witness(note)).catch((error: Error) => log.warn('checkpoint not witnessed', { reason: error.message }));
  };
  return { tell, told: () => last };
}
