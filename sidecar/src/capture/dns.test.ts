import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { Resolver } from 'node:dns/promises';
import { describe, it } from 'node:test';
import { decode, encode, type Packet } from 'dns-packet';
import * as fc from 'fast-check';
import { parsePolicies } from '@cairn/crds';
import { VirtualAddresses } from '../route/routes.js';
import { answerQuery, serveDns } from './dns.js';
import { DNS_TTL_SECONDS, MAX_DNS_QUERY_BYTES } from './limits.js';

const POLICY = `
apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: p, namespace: n}
spec:
  selector: {}
  targets:
  - {name: a, protocol: http, hosts: [a.example, b.example], port: 80}
  rules: []
  default: {action: Allow, level: Metadata}
`;
const addresses = new VirtualAddresses(parsePolicies(POLICY, 'p.yaml').policies[0]!.spec);

const query = (name: string, type = 'A', more: Packet = {}): Buffer =>
  encode({ type: 'query', id: 7, flags: 0x0100, questions: [{ type: type as 'A', name }], ...more });

function asked(bytes: Buffer): { rcode: number; answers: unknown; refused: string | undefined; flags: number; id: number } | undefined {
  const answered = answerQuery(bytes, addresses);
  if (!answered) return undefined;
  const packet = decode(answered.response);
  const flags = answered.response.readUInt16BE(2);
  return { rcode: flags & 15, flags, answers: packet.answers, refused: answered.refused, id: packet.id ?? -1 };
}

describe('DNS in the pod', () => {
  for (const name of ['a.example', 'A.Example', 'b.example']) {
    it(`answers ${name}, which a policy declares, with its virtual address`, () => {
      const answer = asked(query(name));
      assert.equal(answer?.rcode, 0);
      assert.equal(answer.id, 7);
      assert.equal(answer.refused, undefined);
      const [record] = answer.answers as { type: string; data: string; ttl: number }[];
      assert.deepEqual([record?.type, record?.data, record?.ttl], ['A', addresses.addressOf(name), DNS_TTL_SECONDS]);
    });
  }

  for (const type of ['AAAA', 'MX', 'TXT', 'SRV', 'UNKNOWN_65']) {
    it(`has no ${type} of a declared name, which yet exists`, () => {
      const answer = asked(query('a.example', type));
      assert.deepEqual([answer?.rcode, answer?.answers, answer?.refused], [0, [], undefined]);
    });
  }

  for (const name of ['x.example', 'data.a.example', 'example', 'a.example.attacker.example']) {
    it(`knows no ${name}`, () => {
      const answer = asked(query(name));
      assert.deepEqual([answer?.rcode, answer?.answers, answer?.refused], [3, [], name]);
    });
  }

  it('says of the query’s flags only that recursion was desired', () => {
    assert.equal(asked(query('a.example', 'A', { flags: 0x0100 }))?.flags, 0x8580);
    assert.equal(asked(query('a.example', 'A', { flags: 0x0203 }))?.flags, 0x8480);
  });

  const response = encode({ type: 'response', id: 1, questions: [{ type: 'A', name: 'a.example' }] });
  for (const [what, bytes] of [
    ['nothing', Buffer.alloc(0)],
    ['half a header', Buffer.alloc(11)],
    ['a header without a question', encode({ type: 'query', id: 1 })],
    ['a response', response],
    ['an update (opcode 5)', query('a.example', 'A', { flags: 5 << 11 })],
    ['a cut question', query('a.example').subarray(0, 16)],
    ['a name that points at itself', Buffer.from('00070100000100000000000 0c00c00010001'.replaceAll(' ', ''), 'hex')],
  ] as const) {
    it(`does not answer ${what}`, () => assert.equal(answerQuery(bytes, addresses), undefined));
  }

  it('answers a query at the limit of its size, and none a byte larger', () => {
    const bytes = query('a.example');
    const padded = (size: number): Buffer => Buffer.concat([bytes, Buffer.alloc(size - bytes.length)]);
    assert.ok(answerQuery(padded(MAX_DNS_QUERY_BYTES), addresses));
    assert.equal(answerQuery(padded(MAX_DNS_QUERY_BYTES + 1), addresses), undefined);
  });

  it('never throws, whatever it is sent', () => {
    const bytes = query('a.example', 'A', {
      additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1232, flags: 0, options: [] } as never],
    });
    const changes = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 6 });
    fc.assert(
      fc.property(changes, (all) => {
        const changed = Buffer.from(bytes);
        for (const [at, to] of all) changed[at] = to;
        answerQuery(changed, addresses);
      }),
      { numRuns: 3_000 },
    );
  });

  it('serves a real resolver over UDP, and tells of names that were refused', async () => {
    const refused: string[] = [];
    const socket = await serveDns(
      { host: '127.0.0.1', port: 0 },
      () => addresses,
      (name) => refused.push(name),
    );
    try {
      const resolver = new Resolver({ tries: 1 });
      resolver.setServers([`127.0.0.1:${socket.address().port}`]);
      assert.deepEqual(await resolver.resolve4('b.example'), ['198.18.0.2']);
      await assert.rejects(resolver.resolve4('secret.attacker.example'), { code: 'ENOTFOUND' });
      await assert.rejects(resolver.resolve6('b.example'), { code: 'ENODATA' });
      assert.deepEqual(refused, ['secret.attacker.example']);
    } finally {
      socket.close();
    }
  });

  it('goes on after rubbish', async () => {
    const socket = await serveDns(
      { host: '127.0.0.1', port: 0 },
      () => addresses,
      () => undefined,
    );
    const client = createSocket('udp4');
    try {
      client.connect(socket.address().port, '127.0.0.1');
      await once(client, 'connect');
      for (const bytes of [Buffer.from('rubbish'), Buffer.alloc(5000, 0xc0), query('a.example')]) client.send(bytes);
      const [answer] = (await once(client, 'message')) as [Buffer];
      assert.equal(decode(answer).id, 7);
    } finally {
      client.close();
      socket.close();
    }
  });
});
