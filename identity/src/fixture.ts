/** For tests: an OpenID Connect issuer on a free port whose every answer a test can change. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import type { JWK } from 'jose';

export interface Issuer {
  readonly issuer: string;
  /** Published keys. */
  keys: JWK[];
  /** Members that replace those of the discovery document. */
  discovery: Record<string, unknown>;
  /** Answers of further paths: status and body. */
  answers: Record<string, { status?: number; body: unknown }>;
  /** Path and headers of every request so far. */
  requests: { path: string; authorization: string | undefined; accept: string | undefined }[];
  count(path: string): number;
}

export async function startIssuer(t: TestContext, keys: JWK[]): Promise<Issuer> {
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    fixture.requests.push({ path, authorization: request.headers.authorization, accept: request.headers.accept });
    const document = {
      issuer: fixture.issuer,
      jwks_uri: `${fixture.issuer}/jwks`,
      userinfo_endpoint: `${fixture.issuer}/userinfo`,
      ...fixture.discovery,
    };
    const known: Issuer['answers'] = { '/.well-known/openid-configuration': { body: document }, '/jwks': { body: { keys: fixture.keys } } };
    const answer = fixture.answers[path] ?? known[path] ?? { status: 404, body: {} };
    response.writeHead(answer.status ?? 200, {
      'content-type': 'application/json',
      ...(answer.status === 302 ? { location: '/jwks' } : {}),
    });
    response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close().closeAllConnections());
  const fixture: Issuer = {
    issuer: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    keys,
    discovery: {},
    answers: {},
    requests: [],
    count: (path) => fixture.requests.filter((each) => each.path === path).length,
  };
  return fixture;
}
