import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { maskerFor } from '../../guard/mask.js';
import { RequestHead } from './head.js';
import { describe as describeOperations, interpret } from './interpret.js';
import { MAX_PARAMETERS, MAX_PARAMETER_CHARS, MAX_RESOURCE_CHARS } from './limits.js';

const request = (line: string, ...fields: string[]): RequestHead =>
  new RequestHead(Buffer.from([`${line} HTTP/1.1`, 'Host: h', ...fields, '', ''].join('\r\n')));
const operations = (line: string, ...fields: string[]) => interpret(request(line, ...fields), line.slice(line.indexOf(' ') + 1));
const resources = (path: string): string[] => operations(`GET ${path}`).map(({ resource }) => resource);

describe('what a request does', () => {
  it('has a verb, a resource without its query, an effect and parameters', () => {
    assert.deepEqual(operations('GET /a?x=1&y=a+b%21&x=2&z'), [
      { verb: 'GET', resource: '/a', effect: 'read', parameters: { x: ['1', '2'], y: 'a b!', z: '' } },
    ]);
    const effects = ['HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND', 'TRACE'].map(
      (verb) => operations(`${verb} /`)[0]!.effect,
    );
    assert.deepEqual(effects, ['read', 'read', 'write', 'write', 'write', 'write', 'write', 'admin']);
  });

  const HIDDEN: [string, string][] = [
    ['/%61dmin/x', '/admin/x'],
    ['/x/../admin/x', '/admin/x'],
    ['/x/%2e%2e/admin/x', '/admin/x'],
    ['/./admin/x', '/admin/x'],
    ['//admin/x', '/admin/x'],
    ['/admin;v=1/x', '/admin/x'],
    ['/admin%2fx', '/admin/x'],
    ['/x/..%2fadmin/x', '/admin/x'],
    ['/%2561dmin/x', '/admin/x'],
    ['/admin%5cx', '/admin/x'],
  ];
  for (const [path, meant] of HIDDEN) {
    it(`shows policies that ${path} may be ${meant}`, () => {
      assert.equal(resources(path)[0], path, 'as sent, first');
      assert.ok(resources(path).includes(meant), resources(path).join(' '));
    });
  }

  it('leaves a usual path alone, and is bounded for any', () => {
    assert.deepEqual(resources('/api/v1/a.json'), ['/api/v1/a.json']);
    fc.assert(
      fc.property(fc.stringMatching(/^\/[a-z%2efF./;]{0,60}$/), (path) => {
        assert.ok(resources(path).length <= 5);
      }),
    );
  });

  it('shows policies the verb that a target may take instead', () => {
    const verbs = (line: string, ...fields: string[]) => operations(line, ...fields).map(({ verb }) => verb);
    assert.deepEqual(verbs('POST /a', 'X-HTTP-Method-Override: delete'), ['POST', 'DELETE']);
    assert.deepEqual(verbs('delete /a'), ['delete', 'DELETE']);
  });
});

describe('what an event says of a request', () => {
  it('holds no secrets of the query, whatever the policy masks', () => {
    const shown = describeOperations(operations('GET /a?access_token=s3cret&API-Key=s3cret&q=1'), undefined);
    assert.deepEqual(shown.operations[0]!.parameters, { access_token: '***', 'API-Key': '***', q: '1' });
  });

  it('is masked by name and by finding, in path and query', () => {
    const masker = maskerFor([{ fields: ['ssn'] }, { detect: ['email'] }]);
    const shown = describeOperations(operations('GET /users/a%40example.com?SSN=1&to=b@example.com'), masker);
    assert.equal(shown.statement, 'GET /users/***');
    assert.ok(!JSON.stringify(shown.operations).includes('example.com'));
    assert.deepEqual(shown.operations[0]!.parameters, { SSN: '***', to: '***' });
  });

  it('holds its limits', () => {
    const many = (count: number) => operations(`GET /?${Array.from({ length: count }, (_, i) => `p${i}=1`).join('&')}`)[0]!.parameters!;
    assert.equal(Object.keys(many(MAX_PARAMETERS)).length, MAX_PARAMETERS);
    assert.equal(many(MAX_PARAMETERS + 1)['...'], '1 more');
    const long = (length: number) => operations(`GET /?p=${'x'.repeat(length)}`)[0]!.parameters!['p'] as string;
    assert.equal(long(MAX_PARAMETER_CHARS).length, MAX_PARAMETER_CHARS);
    assert.equal(long(MAX_PARAMETER_CHARS + 1).length, MAX_PARAMETER_CHARS + 3);
    const shown = (length: number) => describeOperations(operations(`GET /${'p'.repeat(length - 1)}`), undefined).operations[0]!.resource;
    assert.equal(shown(MAX_RESOURCE_CHARS).length, MAX_RESOURCE_CHARS);
    assert.equal(shown(MAX_RESOURCE_CHARS + 1).length, MAX_RESOURCE_CHARS + 3);
  });
});
