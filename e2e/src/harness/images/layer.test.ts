import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { arranged, entriesBelow, file, fingerprint, link, text, type Entry } from './entry.js';
import { writeLayer } from './layer.js';
import { installDependencies } from './package-tree.js';

let scratch = '';
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'cairn-layer-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

/** A folder with the same two files, made in this order, at this time, with these bits beyond the executable one. */
async function tree(name: string, order: readonly string[], seconds: number, bits: number): Promise<Entry[]> {
  const root = join(scratch, name);
  await mkdir(join(root, 'lib'), { recursive: true });
  for (const each of order) {
    await writeFile(join(root, each), each);
    await chmod(join(root, each), bits | (each === 'run' ? 0o100 : 0));
    await utimes(join(root, each), seconds, seconds);
  }
  return entriesBelow(root, 'app');
}

describe('a layer', () => {
  test('is the same whenever, wherever and in whatever order its content was made', async () => {
    const one = await tree('one', ['run', 'lib/a'], 1, 0o600);
    const other = (await tree('other', ['lib/a', 'run'], 1_000_000, 0o666)).reverse();
    const digests = [await writeLayer(one, join(scratch, 'one.tar')), await writeLayer(other, join(scratch, 'other.tar'))];
    assert.equal(digests[0]!.digest, digests[1]!.digest);
    assert.equal(await fingerprint(one), await fingerprint(other));
  });

  const plain = text('etc/motd', 'hello\n');
  const changes: Record<string, Entry> = {
    'other content': text('etc/motd', 'hallo\n'),
    'another mode': text('etc/motd', 'hello\n', 0o600),
    'another owner': { ...plain, owner: 1 },
    'another path': text('etc/issue', 'hello\n'),
    'a link instead': link('etc/motd', 'hello\n'),
  };
  for (const [name, changed] of Object.entries(changes)) {
    test(`is another one with ${name}`, async () => {
      const original = await writeLayer([plain], join(scratch, 'original.tar'));
      const changedLayer = await writeLayer([changed], join(scratch, 'changed.tar'));
      assert.notEqual(changedLayer.digest, original.digest);
      assert.notEqual(await fingerprint([changed]), await fingerprint([plain]));
    });
  }

  test('has the folders that its entries stand in, once, before them', () => {
    const paths = arranged([text('usr/bin/a', ''), text('usr/bin/b', ''), text('usr/a', '')]).map(({ path }) => path);
    assert.deepEqual(paths, ['usr', 'usr/a', 'usr/bin', 'usr/bin/a', 'usr/bin/b']);
  });

  test('is not written when a file is gone', async () => {
    const gone = file('a', join(scratch, 'nowhere'));
    await assert.rejects(writeLayer([gone], join(scratch, 'gone.tar')), /ENOENT/);
  });

  test('of what a package depends on is the same when it is installed again from nothing', async () => {
    const digests: string[] = [];
    for (const name of ['first', 'second']) {
      await installDependencies('agents', join(scratch, name));
      digests.push((await writeLayer(await entriesBelow(join(scratch, name), 'app'), join(scratch, `${name}.tar`))).digest);
    }
    assert.equal(digests[0], digests[1]);
  });
});
