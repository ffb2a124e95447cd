import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deployment, ALICE } from '../lineage/fixture.js';
import { review, startWebhook } from './fixture.js';
import { MESSAGE_CHARACTERS, REVIEW_BYTES, UID_CHARACTERS, WARNING_CHARACTERS, WARNINGS_COUNT } from './limits.js';
import { answer, readReview } from './review.js';

const whole = review(ALICE, deployment()) as { request: Record<string, unknown> };
const changed = (fields: Record<string, unknown>): object => ({ ...whole, request: { ...whole.request, ...fields } });

test('a body that is no review of version 1 is refused with what to mend', () => {
  const mistakes: [unknown, RegExp][] = [
    ['text', /not a JSON object/],
    [[whole], /not a JSON object/],
    [{ ...whole, kind: 'Pod' }, /kind is not AdmissionReview/],
    [{ ...whole, apiVersion: 'admission.k8s.io/v1beta1' }, /list v1 in admissionReviewVersions/],
    [{ ...whole, request: undefined }, /request is not an object/],
    [changed({ uid: '' }), /request\.uid/],
    [changed({ uid: 'u'.repeat(UID_CHARACTERS + 1) }), /request\.uid/],
    [changed({ operation: 'PATCH' }), /request\.operation/],
    [changed({ kind: 'Pod' }), /request\.kind is not an object/],
    [changed({ object: 'pod' }), /request\.object is not an object/],
    [changed({ object: { metadata: [] } }), /request\.object\.metadata/],
    [changed({ userInfo: undefined }), /request\.userInfo/],
    [changed({ userInfo: { username: 'a', groups: [1] } }), /groups/],
    [changed({ userInfo: { username: 'a', extra: { k: 'v' } } }), /extra/],
  ];
  for (const [body, message] of mistakes) assert.throws(() => readReview(body), { name: 'ReviewError', message });
  assert.equal(readReview(changed({ uid: 'u'.repeat(UID_CHARACTERS) })).uid.length, UID_CHARACTERS);
});

test('an answer is cut to what kubectl and the API server show', () => {
  const warnings = Array.from({ length: WARNINGS_COUNT + 1 }, () => 'w'.repeat(WARNING_CHARACTERS + 1));
  const said = JSON.parse(answer('u', { allowed: false, code: 'c', message: 'm'.repeat(MESSAGE_CHARACTERS + 1), warnings })) as {
    response: { warnings: string[]; status: { message: string } };
  };
  assert.equal(said.response.warnings.length, WARNINGS_COUNT);
  assert.ok(said.response.warnings.every((each) => each.length === WARNING_CHARACTERS));
  assert.equal(said.response.status.message.length, MESSAGE_CHARACTERS);
});

test('an answer is one JSON document, with the patch in base64 and the warnings beside it', () => {
  const patch = [{ op: 'add', path: '/metadata/labels', value: { 'a\'"\\': 'ü' } }] as const;
  const said = JSON.parse(answer('u', { allowed: true, patch, warnings: ['"w"'], code: 'ok' })) as { response: Record<string, string> };
  const { patch: encoded, ...rest } = said.response;
  assert.deepEqual(rest, { uid: 'u', allowed: true, patchType: 'JSONPatch', warnings: ['"w"'] });
  assert.deepEqual(JSON.parse(Buffer.from(encoded!, 'base64').toString()), patch);
  const nothing = JSON.parse(answer('u', { allowed: true, patch: [], warnings: [], code: 'ok' })) as object;
  assert.deepEqual(nothing, { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid: 'u', allowed: true } });
});

test('malformed, huge, foreign and misdirected bodies are answered, and the webhook goes on', async (t) => {
  const webhook = await startWebhook(t);
  const path = '/mutate/enrolled';
  assert.deepEqual(await webhook.send(path, '{"kind":'), { status: 400, error: 'the body is not JSON that can be read' });
  assert.equal((await webhook.send(path, JSON.stringify({ kind: 'AdmissionReview' }))).status, 400);
  assert.equal((await webhook.send(path, '{}', 'text/plain')).status, 415);
  assert.equal((await webhook.send('/elsewhere', '{}')).status, 404);
  assert.equal((await fetch(webhook.url + path)).status, 405);
  const gzip = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
  assert.equal((await fetch(webhook.url + path, { method: 'POST', headers: gzip, body: '{}' })).status, 415);
  const padded = (bytes: number): string => {
    const empty = JSON.stringify({ ...whole, padding: '' });
    return JSON.stringify({ ...whole, padding: 'p'.repeat(bytes - empty.length) });
  };
  assert.deepEqual(await webhook.send(path, padded(REVIEW_BYTES + 1)), {
    status: 413,
    error: `the review has more than ${REVIEW_BYTES} bytes`,
  });
  assert.equal((await webhook.send(path, padded(REVIEW_BYTES))).status, 200);
  assert.equal((await webhook.send(path, `{"a":${'['.repeat(200_000)}`)).status, 400);
  assert.ok((await webhook.ask(path, ALICE, deployment())).allowed);
  const text = await webhook.options.registry.metrics();
  assert.match(text, /cairn_admission_malformed_total\{reason="entity\.too\.large"\} 1/);
});

test('a pod whose parts are of the wrong kinds is never admitted, and never takes the webhook down', async (t) => {
  const webhook = await startWebhook(t);
  const specs: unknown[] = [
    7,
    [],
    { containers: 'x' },
    { containers: [null] },
    { containers: [{}] },
    { containers: [{ name: 'a', env: 3 }] },
    { containers: [{ name: 'a' }], volumes: {} },
  ];
  for (const spec of specs) {
    const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec } as never;
    const { status } = await webhook.send('/mutate/enrolled', JSON.stringify(review(ALICE, object)));
    assert.ok([200, 500].includes(status));
  }
  assert.ok((await webhook.ask('/mutate/enrolled', ALICE, deployment())).allowed);
});
