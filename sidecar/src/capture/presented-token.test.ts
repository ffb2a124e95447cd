import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { presentedToken, unverifiedIssuer } from './presented-token.js';

const launch = (token: string): unknown => ({ kind: 'launch', token });
const oidc = (token: string): unknown => ({ kind: 'oidc', token });

describe('the token that a caller presents', () => {
  for (const [what, headers, expected] of [
    ['nothing', {}, undefined],
    ['a bearer token', { authorization: 'Bearer a.b-c_d~e+f/g==' }, oidc('a.b-c_d~e+f/g==')],
    ['the scheme in another case', { authorization: 'bEARER   abc' }, oidc('abc')],
    ['another scheme', { authorization: 'Basic YTpi' }, undefined],
    ['a scheme without a token', { authorization: 'Bearer ' }, undefined],
    ['two tokens', { authorization: 'Bearer a b' }, undefined],
    ['two credentials', { authorization: 'Bearer a, Bearer b' }, undefined],
    ['a chain token', { 'txn-token': 'c' }, launch('c')],
    ['both: the chain token wins', { 'txn-token': 'c', authorization: 'Bearer a' }, launch('c')],
    ['an empty chain token: the bearer counts', { 'txn-token': '', authorization: 'Bearer a' }, oidc('a')],
  ] as const) {
    it(what, () => assert.deepEqual(presentedToken(headers), expected));
  }
});

describe('the issuer that a token claims', () => {
  const jwt = (payload: string): string => `h.${Buffer.from(payload).toString('base64url')}.s`;
  for (const [what, token, expected] of [
    ['of a JWT', jwt('{"iss":"https://idp"}'), 'https://idp'],
    ['missing', jwt('{"sub":"x"}'), undefined],
    ['not a text', jwt('{"iss":7}'), undefined],
    ['of no object', jwt('null'), undefined],
    ['of no JSON', jwt('{'), undefined],
    ['of an opaque token', 'opaque', undefined],
    ['of nothing', '', undefined],
  ] as const) {
    it(what, () => assert.equal(unverifiedIssuer(token), expected));
  }
});
