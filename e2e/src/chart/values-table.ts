/** The chart's values as a Markdown table, from the schema and the defaults: pure. */

export interface ValueSchema {
  type?: string | string[];
  description?: string;
  properties?: Record<string, ValueSchema>;
  [key: string]: unknown;
}

export interface ValueRow {
  /** `metrics.serviceMonitor.enabled` */
  path: string;
  fallback: unknown;
  description: string | undefined;
}

type Values = Record<string, unknown>;

/** A leaf is what has a description; what has none is a group of values. */
export function valueRows(schema: ValueSchema, values: Values, prefix = ''): ValueRow[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const path = prefix + name;
    const fallback = values[name];
    if (property.description === undefined && property.properties) return valueRows(property, fallback as Values, `${path}.`);
    return [{ path, fallback, description: property.description }];
  });
}

/** Every path at which the defaults hold something, down to where `rows` ends. */
export function valuePaths(values: Values, rows: ReadonlySet<string>, prefix = ''): string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const path = prefix + name;
    const group = !rows.has(path) && typeof value === 'object' && value !== null && !Array.isArray(value);
    return group ? valuePaths(value as Values, rows, `${path}.`) : [path];
  });
}

export function valuesTable(rows: readonly ValueRow[]): string {
  const cells = rows.map(({ path, fallback, description }) => `| \`${path}\` | \`${JSON.stringify(fallback)}\` | ${description ?? ''} |`);
  return ['| value | default | meaning |', '|---|---|---|', ...cells].join('\n');
}
