import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { repositoryFile } from './repository.js';
import { valuePaths, valueRows, valuesTable, type ValueSchema } from './values-table.js';

const schema = JSON.parse(repositoryFile('charts/cairn/values.schema.json')) as ValueSchema;
const values = parse(repositoryFile('charts/cairn/values.yaml')) as Record<string, unknown>;
const rows = valueRows(schema, values);

describe("the chart's values", () => {
  test('are described and have a default, each of them', () => {
    for (const { path, fallback, description } of rows) {
      assert.notEqual(fallback, undefined, `${path} has no default in values.yaml`);
      assert.ok(description, `${path} has no description in values.schema.json`);
    }
    const paths = rows.map(({ path }) => path);
    assert.deepEqual(valuePaths(values, new Set(paths)), paths, 'values.yaml and values.schema.json list the same, in the same order');
  });

  test('are the table in the README', () => {
    const table = valuesTable(rows);
    const readme = repositoryFile('charts/cairn/README.md');
    assert.ok(readme.includes(`\n${table}\n`), `charts/cairn/README.md: the table of values should be\n\n${table}\n`);
  });
});
