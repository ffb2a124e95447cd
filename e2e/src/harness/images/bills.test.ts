import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { billOf, type Bill, type NpmBill } from './bill.js';
import { billsOf, buildImages, type Image } from './index.js';
import { imageName } from './products.js';
import { unpack, type Unpacked } from './unpacked.js';

describe('a bill of materials', () => {
  const component = (ref: string) => ({ 'bom-ref': ref, type: 'library', name: ref });
  const npm: NpmBill = {
    specVersion: '1.5',
    components: [component('a@1'), component('for-another-platform@1'), component('b@1')],
    dependencies: [{ ref: 'a@1', dependsOn: ['b@1', 'for-another-platform@1'] }, { ref: 'for-another-platform@1' }],
  };
  const content = { reference: 'cairn/probe:1', digest: `sha256:${'5'.repeat(64)}`, npm, others: [component('node')] };

  test('lists what is in the image, and not what npm would install elsewhere', () => {
    const bill = billOf({ ...content, packages: new Set(['a@1', 'b@1']) });
    assert.deepEqual(
      bill.components.map((each) => each['bom-ref']),
      ['a@1', 'b@1', 'node'],
    );
    assert.deepEqual(bill.dependencies, [{ ref: 'a@1', dependsOn: ['b@1'] }]);
  });

  test('is not made where the image holds a package that npm knows nothing of', () => {
    assert.throws(() => billOf({ ...content, packages: new Set(['a@1', 'c@1']) }), /c@1/);
  });

  test('has a serial number that follows from the image', () => {
    const bill = billOf({ ...content, packages: new Set() });
    assert.match(bill.serialNumber, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe("the bills of Cairn's images", () => {
  let bills: Map<Image, Bill>;
  const unpacked = new Map<Image, Unpacked>();
  before(async () => {
    bills = await billsOf(await buildImages());
    for (const image of bills.keys()) unpacked.set(image, await unpack(image));
  });
  after(async () => {
    for (const each of unpacked.values()) await each.remove();
  });

  const MANIFESTS = `const { globSync, readFileSync } = require('fs');
    const own = globSync('/app/{*,examples/*}/package.json');
    const installed = globSync('/app/**/node_modules/{*,@*/*}/package.json');
    for (const each of new Set([...own, ...installed])) {
      const { name, version } = JSON.parse(readFileSync(each));
      if (name && version) console.log(name + '@' + version);
    }`;

  for (const name of ['operator', 'sidecar', 'ledger', 'agents']) {
    test(`${name}: every package and every program and library in it`, async () => {
      const [image, bill] = [...bills].find(([each]) => imageName(each) === name)!;
      const { code, output } = await unpacked.get(image)!.run(['node', '-e', MANIFESTS]);
      assert.equal(code, 0, output);
      const packages = output.split('\n').filter(Boolean);
      const listed = new Set(bill.components.map((each) => each['bom-ref']));
      assert.ok(packages.length > 10, output);
      assert.deepEqual(
        packages.filter((each) => !listed.has(each)),
        [],
      );
      const programs = await unpacked.get(image)!.paths(['-type', 'f', '-perm', '/111', '-not', '-path', './app/*']);
      const places = new Set(bill.components.flatMap((each) => each.evidence?.occurrences.map(({ location }) => location) ?? []));
      assert.ok(programs.length > 5);
      assert.deepEqual(
        programs.filter((path) => !places.has(`/${path}`)),
        [],
      );
    });
  }
});
