/** What Cairn records in each row: one policy each, over the same target. */

export const BENCH_HOST = 'bench.internal';
export const BENCH_PORT = 8080;

export const MODES = ['metadata', 'full', 'masked'] as const;
export type Mode = (typeof MODES)[number];

const RULES: Record<Mode, string> = {
  metadata: '{name: all, match: {targets: [bench]}, action: Allow, level: Metadata}',
  full: '{name: all, match: {targets: [bench]}, action: Allow, level: RequestResponse}',
  masked: '{name: all, match: {targets: [bench]}, action: Allow, level: RequestResponse, mask: [{fields: [email, ssn]}]}',
};

/** `maxBytes` holds the largest answer of the benchmark: every body is recorded whole. */
export function benchPolicies(maxBytes: number): string {
  return MODES.map(
    (mode) => `apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: bench-${mode}, namespace: research}
spec:
  selector: {matchLabels: {bench: ${mode}}}
  identity: {required: false}
  targets:
  - {name: bench, protocol: http, hosts: [${BENCH_HOST}], port: ${BENCH_PORT}, capture: {maxBytes: ${maxBytes}}}
  rules:
  - ${RULES[mode]}
`,
  ).join('---\n');
}

/** 720 bytes of JSON with two members that the masked mode masks. */
export function smallAnswer(bytes: number): string {
  const rows =
    '"rows":[{"id":1,"name":"Ada","email":"ada@example.com","total":12.5},{"id":2,"name":"Bo","email":"bo@example.com","total":7}]';
  const start = `{${rows},"note":"`;
  return `${start}${'n'.repeat(bytes - start.length - 2)}"}`;
}
