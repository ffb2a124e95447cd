/** Schemas of who acted, as objects of the control plane carry it; and of AgentLaunch and AuditStream. */
import { MAX_CHAIN_DEPTH, MAX_NAME_CHARS, MAX_REASON_CHARS, MAX_STREAM_KEYS } from '../limits.js';
import type { AgentLaunchSpec, AuditStreamSpec, StreamKey, WitnessedHead } from '../objects.js';
import { formatted } from './formats.js';
import { listOf, object, oneOf, text, whole, type FieldsOf } from './structural.js';
import { status, time } from './status.js';

const id = (description: string) => text(description, { maxLength: 64 });

const principal = object(
  'The person at the root of the chain.',
  {
    iss: text('Issuer, or `kubernetes`.', { maxLength: 512 }),
    sub: text('Subject.', { maxLength: MAX_NAME_CHARS }),
    name: text('For people to read.', { maxLength: MAX_NAME_CHARS }),
    groups: listOf('Groups at the time of the launch.', text('One group.', { maxLength: MAX_NAME_CHARS }), { max: 1024 }),
    authn: oneOf('How the person was authenticated.', { oidc: '', saml: '', kubernetes: '' }),
  },
  { required: ['iss', 'sub', 'name', 'groups', 'authn'] },
);

const launch = object(
  'The run of an agent.',
  {
    id: id('UUIDv7 of the launch.'),
    chain: id("Id of the chain's first launch."),
    parent: id('Id of the launch that started it; absent at depth 1.'),
    depth: whole('1 when a person started it.', 1, MAX_CHAIN_DEPTH),
    path: listOf('Agents from the first to this one, each `namespace/name`.', text('One agent.', { maxLength: 320 }), {
      min: 1,
      max: MAX_CHAIN_DEPTH,
    }),
  },
  { required: ['id', 'chain', 'depth', 'path'] },
);

/** Root and launch of an actor, as an Approval shows them. */
export const actor = object('Who asks.', {
  root: principal,
  launch,
  agent: object(
    'The agent.',
    { name: text('Name.', { maxLength: MAX_NAME_CHARS }), namespace: formatted('Namespace.', 'label') },
    { required: ['name', 'namespace'] },
  ),
});

const pod = object('Its pod.', { name: formatted('Name.', 'subdomain'), uid: id('UID.') }, { required: ['name', 'uid'] });

/** Nothing of it is required: what ends a launch must not fail for want of a word. Who and when are written by admission. */
const revoked = object(
  'Ends the launch and everything below it, once it is there: tokens are refused and sessions cut.',
  {
    by: text("Who, by the API server's user info or a verified token.", { maxLength: MAX_NAME_CHARS }),
    reason: text('Why.', { maxLength: MAX_REASON_CHARS }),
    time: time('When.'),
  } satisfies FieldsOf<Required<AgentLaunchSpec>['revoked']>,
  { 'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'a revocation cannot be changed' }] },
);

export const agentLaunchSpec = object(
  'One run of an agent. Written by the operator.',
  {
    root: principal,
    launch,
    agent: text("The agent's name in the trail.", { maxLength: MAX_NAME_CHARS }),
    ancestors: listOf("Launches above it, from the chain's first to its parent.", id('A launch.'), { max: MAX_CHAIN_DEPTH, initial: [] }),
    policy: formatted('AuditPolicy that it runs by.', 'subdomain'),
    pod,
    revoked,
  } satisfies FieldsOf<AgentLaunchSpec>,
  {
    required: ['root', 'launch', 'agent', 'pod'],
    'x-kubernetes-validations': [
      {
        rule: 'self.root == oldSelf.root && self.launch == oldSelf.launch && self.agent == oldSelf.agent && self.pod == oldSelf.pod && self.ancestors == oldSelf.ancestors',
        message: 'who launched what cannot be changed',
      },
      { rule: '!has(oldSelf.revoked) || has(self.revoked)', message: 'a revoked launch stays revoked; launch anew' },
    ],
  },
);

const checkpoint = object(
  'The last checkpoint that the operator witnessed.',
  {
    size: whole('Events of the stream.', 0, Number.MAX_SAFE_INTEGER),
    root: text('SHA-256 of the last of them, hexadecimal.', { pattern: '^[0-9a-f]{64}$', maxLength: 64 }),
    time: time('When the stream signed it.'),
  } satisfies FieldsOf<WitnessedHead>,
  {
    required: ['size', 'root', 'time'],
    'x-kubernetes-validations': [
      {
        rule: 'self.size > oldSelf.size || (self.size == oldSelf.size && self.root == oldSelf.root)',
        message: 'a stream only grows and has one history',
      },
    ],
  },
);

export const agentLaunchStatus = status({
  streams: whole("Boots of its pod's sidecar whose evidence is witnessed.", 0, Number.MAX_SAFE_INTEGER),
  lastCheckpoint: object('Newest checkpoint of its pod.', {
    stream: id('The stream.'),
    size: whole('Events of the stream.', 0, Number.MAX_SAFE_INTEGER),
    root: text('SHA-256 of the last of them, hexadecimal.', { maxLength: 64 }),
    time: time('When the stream signed it.'),
  }),
  coverage: oneOf('Whether evidence of the whole run is held.', {
    Complete: 'every stream of its pod was closed',
    Partial: 'a stream ended without being closed',
    Unknown: 'it runs',
  }),
  ended: time('When its pod was seen to be gone.'),
});

const streamKey = object(
  'A certified key; it cannot be changed.',
  {
    publicKey: text('Ed25519 public key, base64url of its 32 bytes.', { pattern: '^[A-Za-z0-9_-]{43}$', maxLength: 43 }),
    certificate: text('JWT of the token service: typ `cairn-stream+jwt`.', { maxLength: 4096 }),
    time: time('When it was certified.'),
  } satisfies FieldsOf<StreamKey>,
  {
    required: ['publicKey', 'certificate', 'time'],
    'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'a certified key cannot be changed' }],
  },
);

export const auditStreamSpec = object(
  'One boot of a sidecar and the keys that sign its stream. Written by the operator.',
  {
    stream: id('UUIDv7 of the stream.'),
    agent: text("The agent's name in the trail.", { maxLength: MAX_NAME_CHARS }),
    pod,
    keys: {
      type: 'array',
      description: 'Keys that the token service certified, the oldest first.',
      items: streamKey,
      minItems: 1,
      maxItems: MAX_STREAM_KEYS,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['publicKey'],
    },
    closed: time('When the sidecar said that its last event is written.'),
  } satisfies FieldsOf<AuditStreamSpec>,
  {
    required: ['stream', 'agent', 'pod', 'keys'],
    'x-kubernetes-validations': [
      {
        rule: 'self.stream == oldSelf.stream && self.agent == oldSelf.agent && self.pod == oldSelf.pod',
        message: 'a stream cannot be changed; a new boot opens a new one',
      },
      { rule: 'size(self.keys) >= size(oldSelf.keys)', message: 'a key cannot be taken back; it signed evidence' },
      { rule: '!has(oldSelf.closed) || (has(self.closed) && self.closed == oldSelf.closed)', message: 'a closed stream stays closed' },
    ],
  },
);

export const auditStreamStatus = status({
  lastCheckpoint: checkpoint,
  state: oneOf('Whether the stream may still grow.', {
    Open: '',
    Closed: 'its sidecar wrote its last event',
    Lost: 'its pod is gone and nobody closed it',
  }),
});
