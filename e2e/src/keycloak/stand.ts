/** Keycloak, a token service that trusts it both ways, and pods of two agents; and what a person does with them. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createLaunchVerifier, createWorkloadVerifier, generateSigningKey, mintWorkloadToken, type VerifiedLaunch } from '@cairn/identity';
import { createOperatorService, fileStores, type OperatorService } from '@cairn/operator';
import { OIDC_CLIENT, SAML_ENTITY_ID, type Keycloak } from '../harness/keycloak/index.js';

const CLUSTER = 'https://kubernetes.default.svc';
const TYPE = 'urn:ietf:params:oauth:token-type:';
const CAIRN = join(dirname(createRequire(import.meta.url).resolve('@cairn/cli')), '..', 'bin', 'cairn.js');

export type Agent = 'planner' | 'researcher';

export interface Refusal {
  code: string;
  error_description: string;
}

export interface Stand {
  readonly url: string;
  readonly service: OperatorService;
  /** Hands a token to an agent's sidecar, which exchanges it for its launch. */
  launch(subject: string, type: 'id_token' | 'access_token' | 'saml2', agent?: Agent): Promise<VerifiedLaunch | Refusal>;
  stop(): Promise<void>;
}

/** `clock` in milliseconds: another time than now shows what happens then. */
export async function startStand(keycloak: Keycloak, clock: () => number = Date.now): Promise<Stand> {
  const folder = await mkdtemp(join(tmpdir(), 'cairn-keycloak-stand-'));
  const cluster = await generateSigningKey();
  const service = await createOperatorService({
    stores: fileStores(folder),
    workloads: createWorkloadVerifier({ issuer: CLUSTER, jwks: { keys: [cluster.publicJwk] } }),
    providers: [
      { oidc: { issuer: keycloak.issuer, audiences: [OIDC_CLIENT], groupsClaim: 'groups', usernameClaim: 'email' } },
      {
        saml: {
          metadata: keycloak.samlMetadata,
          entityId: SAML_ENTITY_ID,
          groupsAttribute: 'groups',
          usernameAttribute: 'email',
          recipients: [],
        },
      },
    ],
    bundleFor: () => undefined,
    agentOf: ({ name, namespace }) => ({ name, namespace, maxDepth: 3, allowLoops: false }),
    log: () => undefined,
    clock,
  });
  const url = await service.listen();
  const verifier = createLaunchVerifier({ issuer: url, jwks: `${url}/.well-known/jwks.json`, clock });
  return {
    url,
    service,
    async launch(subject, type, agent = 'planner') {
      const pod = { namespace: 'research', name: agent, uid: `uid-${agent}` };
      const terms = { issuer: CLUSTER, now: Math.floor(Date.now() / 1000), lifetimeSeconds: 600 };
      const form = {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: subject,
        subject_token_type: `${TYPE}${type}`,
        actor_token: await mintWorkloadToken(cluster, { pod, serviceAccount: agent }, terms),
        actor_token_type: `${TYPE}jwt`,
      };
      const response = await fetch(`${url}/oauth2/token`, { method: 'POST', body: new URLSearchParams(form) });
      const body = (await response.json()) as { access_token: string } & Refusal;
      return response.ok ? verifier.verify(body.access_token) : body;
    },
    async stop() {
      await service.close();
      await rm(folder, { recursive: true });
    },
  };
}

/** `cairn launch --print ...`; `person` is told the address to open, and does the rest. Resolves to the token. */
export function cairnLaunch(words: readonly string[], person: (url: string) => Promise<unknown>): Promise<string> {
  const child = spawn(process.execPath, [CAIRN, 'launch', '--print', ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err, opened] = ['', '', false];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  return new Promise((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
      const url = /^ {2}(http\S+)$/m.exec(err)?.[1];
      if (!url || opened) return;
      opened = true;
      person(url).catch((error: unknown) => {
        child.kill();
        reject(error);
      });
    });
    child.on('close', (code) => (code === 0 ? resolve(out.trim()) : reject(new Error(err))));
  });
}
