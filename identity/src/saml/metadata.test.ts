import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SAML_CERTIFICATES } from '../limits.js';
import type { IdentityError } from '../types.js';
import { ENTITY_ID, metadataXml, samlKey, startSamlProvider } from './fixture.js';
import { readSamlMessage } from './message.js';
import { readMetadata } from './metadata.js';
import { UsedOnce } from './replays.js';
import { samlRequest } from './request.js';
import { createSamlVerifier } from './verifier.js';

test('a provider changes its key without a refused login: old and new are published together, then the new one alone', async (t) => {
  const provider = await startSamlProvider(t);
  let now = Date.now();
  const verifier = createSamlVerifier({
    metadata: provider.metadata,
    entityId: ENTITY_ID,
    groupsAttribute: 'groups',
    recipients: [],
    replays: new UsedOnce(),
    clock: () => now,
  });
  const login = async (key = provider.key): Promise<string> =>
    (await verifier.verify(await readSamlMessage(provider.login({}, key)))).principal.sub;
  const [old, next, stranger] = [provider.key, await samlKey(), await samlKey()];
  assert.equal(await login(old), 'alice');
  provider.publish(old, next);
  // The change is seen at the first signature that does not hold, not ten minutes later.
  assert.equal(await login(next), 'alice');
  assert.equal(await login(old), 'alice');
  provider.publish(next);
  now += 60 * 60_000 + 1;
  const late = (key: typeof next) =>
    provider.login(
      { issued: 3_600_000, notBefore: 3_600_000, notOnOrAfter: 3_660_000, confirmedUntil: 3_660_000, sessionUntil: 7_200_000 },
      key,
    );
  assert.equal((await verifier.verify(await readSamlMessage(late(next)))).principal.sub, 'alice');
  await assert.rejects(verifier.verify(await readSamlMessage(late(old))), { code: 'signature' });
  const asked = provider.server.count('/metadata');
  for (let count = 0; count < 20; count++) {
    await assert.rejects(verifier.verify(await readSamlMessage(late(stranger))), { code: 'signature' });
  }
  assert.ok(provider.server.count('/metadata') - asked <= 6, "a stranger's logins would hammer the provider");
});

test('metadata that cannot be used says why', async () => {
  const key = await samlKey();
  const now = Date.now();
  const bad: [string, RegExp][] = [
    ['<a/>', /EntityDescriptor/],
    ['{"a": 1}', /well-formed/],
    ['<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', /document type/],
    [metadataXml('https://idp', [key], ' validUntil="2020-01-01T00:00:00Z"'), /validUntil/],
    [metadataXml('https://idp', [key], ' validUntil="soon"'), /validUntil/],
    [metadataXml('', [key]), /no identity provider/],
    [metadataXml('https://idp', []), /no signing certificate/],
    [metadataXml('https://idp', [{ privateKey: '', certificate: 'AAAA' }]), /no signing certificate/],
    [metadataXml('https://idp', [await samlKey(1024)]), /2048/],
    [
      metadataXml(
        'https://idp',
        Array.from({ length: SAML_CERTIFICATES + 1 }, () => key),
      ),
      /more than 8/,
    ],
    [metadataXml('https://idp', [key]).replaceAll('IDPSSODescriptor', 'SPSSODescriptor'), /no identity provider/],
  ];
  for (const [text, says] of bad) await assert.rejects(readMetadata(text, now), (error: IdentityError) => says.test(error.message));
  const { certificates, login } = await readMetadata(
    metadataXml(
      'https://idp',
      Array.from({ length: SAML_CERTIFICATES }, () => key),
    ),
    now,
  );
  assert.deepEqual([certificates.length, login], [SAML_CERTIFICATES, 'https://idp.example/sso']);
});

test('metadata is asked for as XML: some providers answer 406 to anything else', async (t) => {
  const provider = await startSamlProvider(t);
  const spec = { metadata: provider.metadata, entityId: ENTITY_ID, groupsAttribute: 'groups', recipients: [] };
  assert.equal(await createSamlVerifier({ ...spec, replays: new UsedOnce() }).issuer(), provider.entityId);
  assert.match(provider.server.requests[0]?.accept ?? '', /samlmetadata\+xml/);
});

test('metadata comes over https, or over http from a private host', () => {
  const spec = { metadata: 'http://idp.example/metadata', entityId: ENTITY_ID, groupsAttribute: 'groups', recipients: [] };
  assert.throws(() => createSamlVerifier({ ...spec, replays: new UsedOnce() }), { code: 'unavailable', message: /must be https/ });
});

test('a request names the provider, where to answer and what to answer to', async () => {
  const { id, url } = await samlRequest('https://idp.example/sso', ENTITY_ID, 'http://127.0.0.1:1/saml/acs');
  const { inflateRawSync } = await import('node:zlib');
  const xml = inflateRawSync(Buffer.from(new URL(url).searchParams.get('SAMLRequest')!, 'base64')).toString();
  for (const part of [id, ENTITY_ID, 'http://127.0.0.1:1/saml/acs', 'bindings:HTTP-POST']) assert.ok(xml.includes(part), part);
  assert.notEqual((await samlRequest('https://idp.example/sso', ENTITY_ID, 'http://127.0.0.1:1/saml/acs')).id, id);
});
