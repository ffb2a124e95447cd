import assert from 'node:assert/strict';
import { createWriteStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { after, before, describe, test } from 'node:test';
import { pack } from 'tar-stream';
import { importArchive } from './images.js';

describe('an archive of images', () => {
  let scratch: string;
  let read: string[];
  const node = {
    async exec(argv: readonly string[]): Promise<string> {
      read.push('begins', argv.at(-1)!);
      await new Promise(setImmediate);
      read.push('ends');
      return '';
    },
  };
  before(() => (scratch = mkdtempSync(join(tmpdir(), 'cairn-import-'))));
  after(() => rmSync(scratch, { recursive: true, force: true }));

  /** An archive of an image of this name, and where the node of a test keeps its notes. */
  async function given(name: string, reference: string): Promise<{ archive: string; folder: string }> {
    read = [];
    const tar = pack();
    tar.entry({ name: 'manifest.json' }, JSON.stringify([{ Config: 'c.json', RepoTags: [reference], Layers: [] }]));
    tar.entry({ name: 'c.json' }, name);
    tar.finalize();
    const archive = join(scratch, `${name}.tar`);
    await pipeline(tar, createWriteStream(archive));
    return { archive, folder: join(scratch, name, 'images') };
  }

  test('is read once, by one of two who ask at once', async () => {
    const { archive, folder } = await given('once', 'a:1');
    await Promise.all([importArchive(node, archive, folder), importArchive(node, archive, folder)]);
    assert.deepEqual(read, ['begins', archive, 'ends']);
  });

  test('is read again by another node, and where it was not read to its end', async () => {
    const { archive, folder } = await given('again', 'a:1');
    await assert.rejects(importArchive({ exec: () => Promise.reject(new Error('no space left')) }, archive, folder), /no space left/);
    await importArchive(node, archive, folder);
    await importArchive(node, archive, join(scratch, 'another-node'));
    assert.equal(read.filter((each) => each === 'ends').length, 2);
  });

  test('is read again where another gave its name away meanwhile', async () => {
    const { archive, folder } = await given('first', 'a:1');
    const { archive: newer } = await given('newer', 'a:1');
    const { archive: other } = await given('other', 'b:1');
    for (const each of [archive, other, newer, other, archive]) await importArchive(node, each, folder);
    assert.deepEqual(
      read.filter((each) => each.endsWith('.tar')),
      [archive, other, newer, archive],
    );
  });

  test('says what it is not', async () => {
    const file = join(scratch, 'text.tar');
    writeFileSync(file, Buffer.alloc(1024));
    await assert.rejects(importArchive(node, file, join(scratch, 'text')), /text\.tar is no docker-archive/);
  });
});
