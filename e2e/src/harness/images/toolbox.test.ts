import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { buildToolbox } from './index.js';
import { unpack, type Unpacked } from './unpacked.js';

const STARTS: Record<string, readonly string[]> = {
  sh: ['sh', '-c', 'ls /usr/bin | grep -c . && mktemp -u | sed s/tmp/TMP/'],
  bash: ['bash', '--version'],
  node: ['node', '--version'],
  python3: [
    'python3',
    '-c',
    'import ssl, socket, ctypes, sqlite3, asyncio, http.client, json, struct, urllib.request; print(ssl.OPENSSL_VERSION)',
  ],
  curl: ['curl', '--version'],
  psql: ['psql', '--version'],
  kubectl: ['kubectl', 'version', '--client'],
  ip: ['ip', 'link'],
  ss: ['ss', '-V'],
  ping: ['ping', '-V'],
  nft: ['nft', '--version'],
  strace: ['strace', '-f', '-o', '/dev/null', 'true'],
  unshare: ['unshare', '--version'],
  openssl: ['openssl', 'version'],
};

describe('the toolbox', () => {
  let toolbox: Unpacked;
  before(async () => {
    toolbox = await unpack(await buildToolbox());
  });
  after(() => toolbox.remove());

  for (const [name, argv] of Object.entries(STARTS)) {
    test(`has ${name}`, async () => {
      const { code, output } = await toolbox.run(argv, { scratch: ['/tmp'] });
      assert.equal(code, 0, output);
    });
  }

  test('has a program that runs as root whoever starts it', async () => {
    const argv = ['setpriv', '--reuid=1234', '--regid=1234', '--clear-groups', 'setuid-id', '-u'];
    assert.deepEqual(await toolbox.run(argv), { code: 0, output: '0\n' });
  });
});
