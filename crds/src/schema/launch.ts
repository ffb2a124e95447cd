/** Schemas of who acted, as objects of the control plane carry it; and of AgentLaunch and AuditStream. */
import { MAX_CHAIN_DEPTH, MAX_NAME_CHARS } from '../limits.js';
import { formatted } from './formats.js';
import { flag, listOf, object, oneOf, text, whole } from './structural.js';
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

export const agentLaunchSpec = object(
  'One run of an agent. Written by the operator.',
  {
    root: principal,
    launch,
    agent: text("The agent's name in the trail.", { maxLength: MAX_NAME_CHARS }),
    policy: formatted('AuditPolicy that it runs by.', 'subdomain'),
    pod: object('The pod that runs it.', { name: formatted('Name.', 'subdomain'), uid: id('UID.') }, { required: ['name', 'uid'] }),
    revoked: flag('Ends the launch and everything below it: its tokens are refused from then on.', false),
  },
  {
    required: ['root', 'launch', 'agent', 'policy'],
    'x-kubernetes-validations': [
      {
        rule: 'self.root == oldSelf.root && self.launch == oldSelf.launch && self.agent == oldSelf.agent',
        message: 'who launched what cannot be changed',
      },
      { rule: '!oldSelf.revoked || self.revoked', message: 'a revoked launch stays revoked; launch anew' },
    ],
  },
);

const checkpoint = object(
  'The last checkpoint that the operator witnessed.',
  {
    size: whole('Events of the stream.', 0, Number.MAX_SAFE_INTEGER),
    root: text('Hash of the last event, base64.', { maxLength: 64 }),
    time: time('When it was witnessed.'),
  },
  { required: ['size', 'root', 'time'] },
);

export const agentLaunchStatus = status({
  sessions: whole('Connections that it opened.', 0, Number.MAX_SAFE_INTEGER),
  lastCheckpoint: checkpoint,
  coverage: oneOf('Whether evidence of the whole run is held.', { Complete: '', Partial: 'see the conditions', Unknown: '' }),
});

export const auditStreamSpec = object(
  'One boot of a sidecar and the key that signs its stream. Written by the operator.',
  {
    stream: id('UUIDv7 of the stream.'),
    keyId: text('Id of the key.', { maxLength: 128 }),
    publicKey: text('Ed25519 public key, base64 of its 32 bytes.', { pattern: '^[A-Za-z0-9+/]{43}=$', maxLength: 44 }),
    pod: object('The pod of the sidecar.', { name: formatted('Name.', 'subdomain'), uid: id('UID.') }, { required: ['name', 'uid'] }),
    opened: time('When the stream was certified.'),
  },
  {
    required: ['stream', 'keyId', 'publicKey', 'opened'],
    'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'a stream cannot be changed; a new boot opens a new one' }],
  },
);

export const auditStreamStatus = status({
  lastCheckpoint: checkpoint,
  state: oneOf('Whether the stream may still grow.', {
    Open: '',
    Closed: 'by its own last event',
    Lost: 'the sidecar ended without closing it',
  }),
});
