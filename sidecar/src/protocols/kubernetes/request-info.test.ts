import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { requestInfo } from './request-info.js';

/** method, URL, then verb, group/version, namespace, resource, name, subresource, rest. */
const RESOURCES: [string, string, string, string, string, string, string, string?, string?][] = [
  // As in the API server's own table (k8s.io/apiserver/pkg/endpoints/request).
  ['GET', '/api/v1/namespaces', 'list', '/v1', '', 'namespaces', ''],
  ['GET', '/api/v1/namespaces/other', 'get', '/v1', '', 'namespaces', 'other'],
  ['GET', '/api/v1/namespaces/other/pods', 'list', '/v1', 'other', 'pods', ''],
  ['GET', '/api/v1/namespaces/other/pods/foo', 'get', '/v1', 'other', 'pods', 'foo'],
  ['HEAD', '/api/v1/namespaces/other/pods/foo', 'get', '/v1', 'other', 'pods', 'foo'],
  ['GET', '/api/v1/pods', 'list', '/v1', '', 'pods', ''],
  ['HEAD', '/api/v1/pods', 'list', '/v1', '', 'pods', ''],
  ['GET', '/api/v1/namespaces/other/pods?watch=true', 'watch', '/v1', 'other', 'pods', ''],
  ['GET', '/api/v1/namespaces/other/pods?watch=false', 'list', '/v1', 'other', 'pods', ''],
  ['GET', '/api/v1/namespaces/other/pods?watch=0', 'list', '/v1', 'other', 'pods', ''],
  ['GET', '/api/v1/namespaces/other/pods?watch=False', 'list', '/v1', 'other', 'pods', ''],
  ['GET', '/api/v1/namespaces/other/pods?watch=1', 'watch', '/v1', 'other', 'pods', ''],
  ['GET', '/api/v1/namespaces/other/pods?watch', 'watch', '/v1', 'other', 'pods', ''],
  ['GET', '/api/v1/namespaces/other/pods?watch=false&watch=true', 'list', '/v1', 'other', 'pods', ''],
  ['GET', '/api/v1/namespaces/other/pods?%77atch=true', 'watch', '/v1', 'other', 'pods', ''],
  ['GET', '/api/v1/namespaces/other/pods/foo?watch=true', 'get', '/v1', 'other', 'pods', 'foo'],
  ['GET', '/api/v1/watch/pods', 'watch', '/v1', '', 'pods', ''],
  ['GET', '/api/v1/watch/namespaces/other/pods', 'watch', '/v1', 'other', 'pods', ''],
  ['GET', '/api/v1/watch/namespaces/other/pods/foo', 'watch', '/v1', 'other', 'pods', 'foo'],
  ['GET', '/api/v1/namespaces/other/pods/foo/log?follow=true', 'get', '/v1', 'other', 'pods', 'foo', 'log'],
  ['GET', '/api/v1/namespaces/other/pods/foo/exec?command=ls', 'get', '/v1', 'other', 'pods', 'foo', 'exec'],
  ['POST', '/api/v1/namespaces/other/pods/foo/exec', 'create', '/v1', 'other', 'pods', 'foo', 'exec'],
  ['GET', '/api/v1/namespaces/other/services/web:80/proxy/a/b', 'get', '/v1', 'other', 'services', 'web:80', 'proxy', 'a/b'],
  ['GET', '/api/v1/namespaces/other/services/web/proxy/a//b%2Fc', 'get', '/v1', 'other', 'services', 'web', 'proxy', 'a//b/c'],
  ['GET', '/api/v1/nodes/n1/proxy/metrics', 'get', '/v1', '', 'nodes', 'n1', 'proxy', 'metrics'],
  ['PUT', '/api/v1/namespaces/other/finalize', 'update', '/v1', '', 'namespaces', 'other', 'finalize'],
  ['GET', '/api/v1/namespaces/other/status', 'get', '/v1', '', 'namespaces', 'other', 'status'],
  ['POST', '/api/v1/namespaces/other/pods', 'create', '/v1', 'other', 'pods', ''],
  ['POST', '/api/v1/namespaces', 'create', '/v1', '', 'namespaces', ''],
  ['PUT', '/api/v1/namespaces/other/pods/foo', 'update', '/v1', 'other', 'pods', 'foo'],
  ['PATCH', '/api/v1/namespaces/other/pods/foo', 'patch', '/v1', 'other', 'pods', 'foo'],
  ['DELETE', '/api/v1/namespaces/other/pods/foo', 'delete', '/v1', 'other', 'pods', 'foo'],
  ['DELETE', '/api/v1/namespaces/other/pods', 'deletecollection', '/v1', 'other', 'pods', ''],
  ['DELETE', '/api/v1/namespaces/other', 'delete', '/v1', '', 'namespaces', 'other'],
  ['GET', '/apis/apps/v1/namespaces/other/deployments/web/scale', 'get', 'apps/v1', 'other', 'deployments', 'web', 'scale'],
  [
    'GET',
    '/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode',
    'get',
    'rbac.authorization.k8s.io/v1',
    '',
    'clusterroles',
    'system:node',
  ],
  ['GET', '/apis/apps/v1/deployments?limit=500', 'list', 'apps/v1', '', 'deployments', ''],
  ['GET', '/api/v1/namespaces/other/pods/', 'list', '/v1', 'other', 'pods', ''],
  ['GET', '/api/v1/namespaces/other/pods?fieldSelector=metadata.name%3Dfoo&watch=1', 'watch', '/v1', 'other', 'pods', 'foo'],
  ['GET', '/api/v1/namespaces/other/pods?fieldSelector=metadata.name==foo', 'list', '/v1', 'other', 'pods', 'foo'],
  ['GET', '/api/v1/namespaces/other/pods?fieldSelector=metadata.name!=foo', 'list', '/v1', 'other', 'pods', ''],
  ['GET', '/api/v1/namespaces/other/pods?fieldSelector=metadata.name=a&fieldSelector=x', 'list', '/v1', 'other', 'pods', ''],
  ['GET', '/api/v1/namespaces/other/pods?fieldSelector=metadata.name%3Da,status.phase%3DRunning', 'list', '/v1', 'other', 'pods', ''],
];

const PATHS: [string, string, string, string][] = [
  ['GET', '/', 'get', '/'],
  ['GET', '/version', 'get', '/version'],
  ['HEAD', '/healthz', 'head', '/healthz'],
  ['GET', '/api', 'get', '/api'],
  ['GET', '/api/v1', 'get', '/api/v1'],
  ['GET', '/apis', 'get', '/apis'],
  ['GET', '/apis/apps/v1', 'get', '/apis/apps/v1'],
  ['GET', '/openapi/v3/apis/apps/v1?hash=A', 'get', '/openapi/v3/apis/apps/v1'],
  ['POST', '/logs/', 'post', '/logs'],
];

describe('a URL of the Kubernetes API', () => {
  for (const [method, url, verb, version, namespace, resource, name, subresource = '', rest = ''] of RESOURCES) {
    it(`${method} ${url} is ${verb} ${resource}`, () => {
      const info = requestInfo(method, url);
      assert.ok(info.kind === 'resource', JSON.stringify(info));
      const { kind: _, group, version: only, ...found } = info;
      assert.deepEqual(found, { verb, namespace, resource, name, subresource, rest });
      assert.equal(`${group}/${only}`, version);
    });
  }
  for (const [method, url, verb, path] of PATHS) {
    it(`${method} ${url} names no resource`, () => assert.deepEqual(requestInfo(method, url), { kind: 'path', verb, path }));
  }
  for (const [method, url] of [
    ['GET', '/api/v1/namespaces/a/../b/secrets'],
    ['GET', '/api/v1/namespaces/a/pods/%2e%2e/secrets'],
    ['GET', '/api/v1/namespaces/a/services/web/proxy/../../secrets'],
    ['GET', '//api/v1/pods'],
    ['GET', '/api//v1/secrets'],
    ['GET', '/api/v1/namespaces/a%2Fsecrets'],
    ['GET', '/api/v1/namespaces/a%252Fsecrets'],
    ['GET', '/api/v1/pods/%zz'],
    ['GET', '/api/v1/pods/a%00b'],
    ['GET', '/api/v1/pods\\x'],
    ['GET', '/api/v1/pods?watch=false;watch=true'],
    ['GET', '/api/v1/pods?watch=%z'],
    ['GET', '/api/v1/proxy/namespaces/a/pods/b'],
    ['GET', '/api/v1/watch'],
    ['POST', '/api/v1/watch/pods'],
    ['GET', '/api/v1/namespaces/a/pods/b/status/c'],
    ['OPTIONS', '/api/v1/pods'],
    ['get', '/api/v1/pods'],
    ['PROPFIND', '/version'],
  ] as const) {
    it(`${method} ${url} is refused`, () => assert.equal(requestInfo(method, url).kind, 'unclear'));
  }

  it('reads any text without an exception, and no segment that it understood can hold another one', () => {
    const path = fc.stringMatching(/^(?:\/(?:api|apis|v1|namespaces|pods|secrets|proxy|watch|a|%2[fFeE]|\.\.?|%|;|))*(?:\?[a-z=%&;]*)?$/);
    fc.assert(
      fc.property(path, (text) => {
        const info = requestInfo('GET', text);
        if (info.kind !== 'resource') return;
        for (const part of [info.group, info.version, info.namespace, info.resource, info.name, info.subresource])
          assert.doesNotMatch(part, /[/%]|^\.\.?$/);
      }),
    );
  });
});
