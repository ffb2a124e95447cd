import { CheckpointError, STREAM_CERTIFICATE_TYPE, verifyCheckpoint, type Checkpoint } from '@cairn/audit';
import { signJwt } from '@cairn/identity';
import express, { Router, type Request } from 'express';
import type { ServiceContext } from '../context.js';
import { callingAgent, type AgentCaller } from '../http/authenticate.js';
import { fieldsOf, textField, uuidField } from '../http/fields.js';
import { Problem } from '../http/problem.js';
import { BODY_BYTES, CHECKPOINT_BYTES } from '../limits.js';
import type { RegisteredKey } from '../stores.js';

const KEY_CHARACTERS = 43;
/** At a rotation the old key still signs the checkpoint over the event that names the new one. */
const SIGNING_KEYS = 2;

function readKey(value: string): string {
  const bytes = Buffer.from(value, 'base64url');
  if (bytes.length === 32 && bytes.toString('base64url') === value) return value;
  throw new Problem(400, 'malformed', 'publicKey must be the 32 bytes of an Ed25519 public key in base64url without padding');
}

async function certify(context: ServiceContext, caller: AgentCaller, stream: string, publicKey: string): Promise<RegisteredKey> {
  const now = Math.floor(context.clock() / 1000);
  // Without exp: it certifies one boot, and must be verifiable as long as the evidence is kept.
  const certificate = await signJwt(context.keys.current, STREAM_CERTIFICATE_TYPE, {
    iss: context.issuer,
    sub: stream,
    iat: now,
    cnf: { jwk: { kty: 'OKP', crv: 'Ed25519', x: publicKey } },
    pod: caller.workload.pod,
    agent: caller.name,
  });
  return { stream, certificate, publicKey, pod: caller.workload.pod, agent: caller.name, time: new Date(now * 1000).toISOString() };
}

const unknownStream = (): Problem => new Problem(404, 'unknown-stream', 'the stream is not registered; POST /v1/streams first');

/** A stream belongs to the pod that registered it first. */
async function ownKeys(context: ServiceContext, { workload }: AgentCaller, stream: string): Promise<readonly RegisteredKey[]> {
  const keys = await context.witness.keys(stream, workload.pod.namespace);
  if (keys.some(({ pod }) => pod.uid !== workload.pod.uid)) throw new Problem(403, 'other-pod', 'the stream belongs to another pod');
  return keys;
}

/** A note names its stream in the first line; the keys that may have signed it follow from that, the newest first. */
async function readNote(context: ServiceContext, caller: AgentCaller, note: unknown): Promise<Checkpoint> {
  if (typeof note !== 'string' || note === '')
    throw new Problem(400, 'malformed', 'the body must be a signed note (Content-Type: text/plain)');
  const origin = note.slice(0, note.indexOf('\n'));
  const keys = await ownKeys(context, caller, origin.slice(origin.lastIndexOf('/') + 1));
  let refusal = unknownStream();
  for (const { publicKey } of keys.slice(-SIGNING_KEYS).toReversed()) {
    try {
      return verifyCheckpoint(note, publicKey);
    } catch (error) {
      if (!(error instanceof CheckpointError)) throw error;
      refusal = new Problem(error.code === 'signature' ? 403 : 400, error.code, error.message);
    }
  }
  throw refusal;
}

export function evidenceRoutes(context: ServiceContext): Router {
  const router = Router();
  router.post('/v1/streams', express.json({ limit: BODY_BYTES }), async (request, response) => {
    const caller = await callingAgent(context, request, response);
    const fields = fieldsOf(request.body);
    const stream = uuidField(fields, 'stream');
    const publicKey = readKey(textField(fields, 'publicKey', KEY_CHARACTERS));
    const known = (await ownKeys(context, caller, stream)).find((key) => key.publicKey === publicKey);
    if (known) {
      response.json({ certificate: known.certificate });
      return;
    }
    const certified = await certify(context, caller, stream, publicKey);
    await context.witness.register(certified);
    response.status(201).json({ certificate: certified.certificate });
  });
  router.post('/v1/checkpoints', express.text({ type: '*/*', limit: CHECKPOINT_BYTES }), async (request, response) => {
    const caller = await callingAgent(context, request, response);
    const { stream, size, root, time } = await readNote(context, caller, request.body);
    await context.witness.advance({ stream, size, root, time }, caller.workload.pod.namespace);
    response.status(204).end();
  });
  router.post('/v1/streams/:stream/close', async (request: Request<{ stream: string }>, response) => {
    const caller = await callingAgent(context, request, response);
    const stream = uuidField(request.params, 'stream');
    if ((await ownKeys(context, caller, stream)).length === 0) throw unknownStream();
    await context.witness.finish(stream, caller.workload.pod.namespace, new Date(context.clock()).toISOString());
    response.status(204).end();
  });
  return router;
}
