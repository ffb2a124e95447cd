import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { buildImages, loadImages, type Image } from './index.js';
import { IMAGE_BYTES } from './limits.js';
import { imageName } from './products.js';
import { unpack, type Unpacked } from './unpacked.js';

const NAMES = Object.keys(IMAGE_BYTES) as (keyof typeof IMAGE_BYTES)[];
const SHELLS = /(^|\/)(sh|bash|dash|ash|zsh|busybox|toybox|env|npm|npx|apt|dpkg)$/;

let images: Image[] = [];
const unpacked = new Map<string, Unpacked>();

before(async () => {
  images = await buildImages();
  for (const image of images) unpacked.set(imageName(image), await unpack(image));
});
after(async () => {
  for (const each of unpacked.values()) await each.remove();
});

const inImage = (name: string): Unpacked => unpacked.get(name)!;
/** What an expression is worth in a module of the image. */
const evaluate = (name: string, script: string) => inImage(name).run(['node', '--input-type=module', '-e', script]);

describe("Cairn's images", () => {
  test('are these', () => assert.deepEqual(images.map(imageName).sort(), [...NAMES].sort()));

  test('are what a cluster is given', async () => {
    const given: string[] = [];
    const loaded = await loadImages({ importImage: (archive) => Promise.resolve(void given.push(archive)) });
    assert.deepEqual(loaded, images);
    assert.deepEqual(
      given,
      images.map(({ archive }) => archive),
    );
  });

  for (const name of NAMES) {
    test(`${name}: within its size`, () => {
      const image = images.find((each) => imageName(each) === name)!;
      assert.ok(image.bytes <= IMAGE_BYTES[name], `${image.bytes} bytes, at most ${IMAGE_BYTES[name]}`);
    });

    test(`${name}: no shell, no package manager, nothing that runs as its owner`, async () => {
      const paths = await inImage(name).paths();
      assert.deepEqual(
        paths.filter((path) => SHELLS.test(path) && !path.startsWith('app/')),
        [],
      );
      assert.ok(paths.includes('nodejs/bin/node'));
      assert.deepEqual(await inImage(name).paths(['-perm', '/6000']), []);
    });

    test(`${name}: not root, and nothing of it can be written to`, async () => {
      const script = `import { writeFileSync } from 'node:fs';
        const folders = ['/app', '/tmp', '/home/nonroot', '/etc'];
        const writable = folders.filter((each) => { try { writeFileSync(each + '/x', ''); return true; } catch { return false; } });
        console.log(process.getuid(), process.getgid(), process.cwd(), JSON.stringify(writable));`;
      assert.deepEqual(await evaluate(name, script), { code: 0, output: '65532 65532 /app []\n' });
    });
  }

  test('operator: starts, and says what it lacks', async () => {
    const { code, output } = await inImage('operator').run(inImage('operator').start.Cmd);
    assert.notEqual(code, 0);
    assert.match(output, /CAIRN_|KUBERNETES_|cluster/i);
    assert.doesNotMatch(output, /ERR_MODULE_NOT_FOUND/);
  });

  test('sidecar: starts, and says what it lacks', async () => {
    const { code, output } = await inImage('sidecar').run(inImage('sidecar').start.Cmd);
    assert.notEqual(code, 0);
    assert.match(output, /CAIRN_/);
  });

  test('sidecar: parses SQL and calls the C library', async () => {
    const script = `import { parse } from 'libpg-query'; import koffi from 'koffi';
      const getuid = koffi.load('libc.so.6').func('int getuid()');
      console.log((await parse('SELECT 1')).stmts.length, getuid());`;
    assert.deepEqual(await evaluate('sidecar', script), { code: 0, output: '1 65532\n' });
  });

  test('sidecar: nft puts rules into a network namespace, as the capture container has it do', async () => {
    const script = `const { execFileSync } = require('child_process');
      execFileSync('nft', ['-f', '-'], { input: 'table inet cairn { chain out { type nat hook output priority -100; tcp dport 1 redirect to :15001; }; }' });
      console.log(execFileSync('nft', ['list', 'ruleset']).toString());`;
    const { code, output } = await inImage('sidecar').run(['node', '-e', script], { root: true });
    assert.equal(code, 0, output);
    assert.match(output, /redirect to :15001/);
  });

  test('ledger: opens a ledger', async () => {
    const script = `import Database from 'libsql';
      console.log(new Database(':memory:').prepare('select sqlite_version() is not null as ok').get().ok);`;
    assert.deepEqual(await evaluate('ledger', script), { code: 0, output: '1\n' });
    const { code, output } = await inImage('ledger').run(['node', 'cli/bin/cairn.js', 'verify', '/nowhere']);
    assert.equal(code, 2, output);
    assert.doesNotMatch(output, /ERR_MODULE_NOT_FOUND/);
  });

  test('agents: an agent starts', async () => {
    const script = `import { serve } from '/app/agents/agent.js'; import 'pg';
      process.env.PORT = '0';
      serve('probe', {}); setTimeout(() => process.exit(0), 100);`;
    const { code, output } = await evaluate('agents', script);
    assert.equal(code, 0, output);
    assert.match(output, /probe listens/);
  });
});
