import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { launches, stamp } from './stamp.js';
import type { Submitted } from './submitted.js';

const KEY = 'cairn.dev/launch-reference';
const json = (value: unknown): Submitted => ({ form: 'json', value });
const bodyOf = (submitted: Submitted, patch = ''): unknown => {
  const stamped = stamp(submitted, patch, 'REFERENCE');
  assert.ok('body' in stamped && stamped.body, JSON.stringify(stamped));
  return JSON.parse(stamped.body.toString());
};
const reasonOf = (submitted: Submitted, patch = ''): string => {
  const stamped = stamp(submitted, patch, 'REFERENCE');
  return 'refused' in stamped ? stamped.refused : 'passed';
};

describe('the reference on a workload', () => {
  test('stands on the workload itself, beside what stood there', () => {
    const job = { kind: 'Job', metadata: { name: 'a', annotations: { theirs: 'kept' } }, spec: { template: {} } };
    const annotations = { theirs: 'kept', [KEY]: 'REFERENCE' };
    assert.deepEqual(bodyOf(json(job)), { ...job, metadata: { ...job.metadata, annotations } });
    assert.deepEqual(bodyOf(json({ kind: 'Job' })), { kind: 'Job', metadata: { annotations: { [KEY]: 'REFERENCE' } } });
    assert.deepEqual(bodyOf({ form: 'yaml', value: { spec: { replicas: 2 } } }, 'apply'), {
      spec: { replicas: 2 },
      metadata: { annotations: { [KEY]: 'REFERENCE' } },
    });
  });

  test('takes the place of what the agent wrote there', () => {
    const { metadata } = bodyOf(json({ metadata: { annotations: { [KEY]: "another's" } } })) as { metadata: { annotations: object } };
    assert.deepEqual(metadata.annotations, { [KEY]: 'REFERENCE' });
  });

  test('is refused where it cannot stand, with the reason', () => {
    assert.match(
      reasonOf({ form: 'protobuf', object: { apiVersion: 'v1', kind: 'Pod', name: '', generateName: '', namespace: '' } }),
      /protobuf/,
    );
    assert.match(reasonOf({ form: 'cbor', value: {} }), /CBOR/);
    assert.match(reasonOf({ form: 'unread', reason: 'is coded as gzip' }), /gzip/);
    assert.match(reasonOf(json([])), /no object/);
    assert.match(reasonOf(json({ metadata: 'a' })), /no metadata/);
    assert.match(reasonOf(json({ metadata: null }), 'merge'), /no metadata/);
    assert.match(reasonOf(json({ metadata: { annotations: null } }), 'merge'), /removes all annotations/);
    assert.match(reasonOf(json({ metadata: { annotations: [] } })), /annotations/);
    assert.match(reasonOf(json({ spec: { activeDeadlineSeconds: Number.MAX_SAFE_INTEGER } })), /too large/);
  });

  test('cannot be in a JSON patch, which may therefore change nothing that is launched, nor bring one along', () => {
    for (const path of [
      '',
      '/spec',
      '/spec/template',
      '/spec/template/spec/containers/0',
      '/metadata',
      '/metadata/annotations',
      '/spec/jobTemplate',
    ]) {
      const refused = reasonOf(json([{ op: 'add', path, value: {} }]), 'json');
      assert.match(refused, /JSON patch/, path);
    }
    assert.match(
      reasonOf(json([{ op: 'add', path: '/metadata/annotations/cairn.dev~1launch-reference', value: 'x' }]), 'json'),
      /JSON patch/,
    );
    assert.match(reasonOf(json([{ op: 'move', from: '/spec/template', path: '/x' }]), 'json'), /JSON patch/);
    assert.match(reasonOf(json([1]), 'json'), /JSON patch/);
    for (const path of ['/spec/replicas', '/metadata/labels/a', '/metadata/annotations/theirs']) {
      assert.deepEqual(stamp(json([{ op: 'add', path, value: 1 }]), 'json', 'R'), { body: undefined }, path);
    }
  });

  test('changes nothing else, whatever the object says', () => {
    const objects = fc.dictionary(fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(objects, (value) => {
        const stamped = stamp(json(value), '', 'REFERENCE');
        if ('refused' in stamped) return;
        const { metadata = {}, ...others } = JSON.parse(stamped.body!.toString()) as { metadata?: { annotations?: object } };
        const { metadata: before = {}, ...rest } = JSON.parse(JSON.stringify(value)) as { metadata?: { annotations?: object } };
        assert.deepEqual(others, rest);
        assert.deepEqual({ ...metadata, annotations: 0 }, { ...before, annotations: 0 });
      }),
    );
  });
});

test('what makes pods launches; of pods only a creation, and no subresource', () => {
  assert.ok(launches('create', 'pods', '') && launches('create', 'jobs.batch', '') && launches('patch', 'deployments.apps', ''));
  assert.ok(!launches('patch', 'pods', '') && !launches('patch', 'deployments.apps', 'scale') && !launches('create', 'configmaps', ''));
  assert.ok(!launches('delete', 'jobs.batch', '') && !launches('create', 'pods', 'eviction'));
});
