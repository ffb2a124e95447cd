import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePolicies } from '@cairn/crds';
import { bundleOf, type BundleParts } from './bundle.js';

const YAML = `
apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: all, namespace: lab}
spec: {}
---
apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: corp-only, namespace: lab}
spec: {identity: {providers: [corp]}}
---
apiVersion: cairn.dev/v1alpha1
kind: IdentityProvider
metadata: {name: corp}
spec: {oidc: {issuer: "https://corp.example.com", audiences: [cairn]}}
---
apiVersion: cairn.dev/v1alpha1
kind: IdentityProvider
metadata: {name: partner}
spec: {oidc: {issuer: "https://partner.example.com", audiences: [cairn]}}
`;

const { policies, providers, problems } = parsePolicies(YAML, 'policy.yaml');
const tokenService = { issuer: 'https://operator', jwksUri: 'https://operator/jwks', tokenEndpoint: 'https://operator/token' };

function bundle(more: Partial<BundleParts> = {}): ReturnType<typeof bundleOf> {
  assert.deepEqual(problems, []);
  return bundleOf({ policy: policies[0]!, providers, tokenService, auditorKey: undefined, ...more });
}

test('a policy that names providers accepts those, another all', () => {
  const names = ({ providers: accepted }: ReturnType<typeof bundleOf>): string[] => accepted.map(({ metadata }) => metadata.name);
  assert.deepEqual(names(bundle()), ['corp', 'partner']);
  assert.deepEqual(names(bundle({ policy: policies[1]! })), ['corp']);
});

test('the version follows from the content: the same for the same, another for any change', () => {
  const { version } = bundle();
  assert.equal(bundle({ policy: structuredClone(policies[0]!) }).version, version);
  const others = [
    bundle({ policy: policies[1]! }),
    bundle({ providers: [] }),
    bundle({ auditorKey: { kid: 'k', publicKey: 'p' } }),
    bundle({ tokenService: { ...tokenService, issuer: 'https://another' } }),
  ];
  assert.equal(new Set([version, ...others.map((each) => each.version)]).size, 5);
});
