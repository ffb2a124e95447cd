/** Certificates of the hop that live for seconds: both ends renew them in time, a CA follows another, and without an operator the hop closes. */
import assert from 'node:assert/strict';
import type { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { Client } from 'pg';
import { GATEWAY } from '../harness/control-plane.js';
import { askThrough } from '../harness/http-sink.js';
import type { Sidecar } from '../harness/sidecar.js';
import { until } from '../harness/until.js';
import { POLICY, startStand, type Stand } from './stand.js';

/** Longer than the 10 s between two looks for what is to be renewed, which it is after a third. */
const SECONDS = 15;
const RENEWED_MS = 60_000;

describe('certificates of the hop', () => {
  let stand: Stand;
  let sidecar: Sidecar;
  let first: X509Certificate;
  /** A session that is open from the first certificate on. */
  let kept: Client;

  before(async () => {
    stand = await startStand(1, POLICY, { certificateSeconds: SECONDS });
    sidecar = await stand.sidecar('planner');
    first = await shown();
    kept = new Client({ host: '127.0.0.1', port: sidecar.targetPort('orders'), user: 'anybody', database: 'postgres' });
    await kept.connect();
  });
  after(async () => {
    await kept?.end();
    await sidecar?.stop();
    await stand?.stop();
  });

  const ask = (path: string): ReturnType<typeof askThrough> =>
    askThrough(sidecar.proxyPort, `http://web.internal${path}`, { agent: new Agent() });
  const keptGoesOn = async (): Promise<void> => assert.deepEqual((await kept.query('select 42 as answer')).rows, [{ answer: 42 }]);
  /** What the gateway serves with now. */
  async function shown(): Promise<X509Certificate> {
    const socket = connect({ host: '127.0.0.1', port: stand.gateways[0]!.port, servername: GATEWAY.host, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const certificate = socket.getPeerX509Certificate()!;
    socket.on('error', () => undefined).destroy();
    return certificate;
  }
  /** Resolves once either end has asked for a certificate since now. */
  async function bothRenew(): Promise<void> {
    const known = stand.plane.certified.length;
    await until('certificates for both ends', async () => new Set(stand.plane.certified.slice(known)).size === 2, RENEWED_MS);
  }
  const expired = (certificate: X509Certificate): Promise<unknown> =>
    until('the certificate to expire', async () => Date.parse(certificate.validTo) < Date.now(), RENEWED_MS);

  test('are renewed before they expire: new connections are made, and open ones go on', async () => {
    await expired(first);
    assert.notEqual((await shown()).serialNumber, first.serialNumber);
    assert.equal((await ask('/renewed')).status, 200);
    await keptGoesOn();
  });

  test('are signed by another CA once both ends have heard of it', async () => {
    const earlier = stand.plane.hopAuthority.cert;
    const letSign = await stand.plane.nextHopAuthority();
    await bothRenew();
    letSign();
    await bothRenew();
    assert.notEqual(stand.plane.hopAuthority.cert, earlier);
    assert.equal((await ask('/next')).status, 200);
  });

  test('expire where the operator is gone: what is open goes on, and new connections are refused with the reason', async () => {
    await stand.plane.service.close();
    await expired(await shown());
    const refused = await ask('/late');
    assert.equal(refused.status, 503);
    assert.match(refused.body, /certificate has expired/);
    await keptGoesOn();
    assert.ok(!stand.web.asked.some(({ url }) => url === '/late'));
  });
});
