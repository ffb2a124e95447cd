// A reporter of node:test: at the end, one short paragraph a test that failed by itself, so that the end of a long log says what happened.
const FOLLOWS = new Set(['subtestsFailed', 'cancelledByParent']);
const MOST_CHARACTERS = 600;

export default async function* failures(source) {
  const told = [];
  for await (const { type, data } of source) {
    const error = type === 'test:fail' ? data.details.error : undefined;
    if (error === undefined || FOLLOWS.has(error.failureType)) continue;
    const message = String(error.cause?.message ?? error.cause ?? error.message);
    told.push(`FAILED ${data.name} (${data.file ?? ''}:${data.line ?? ''})\n  ${message.slice(0, MOST_CHARACTERS)}\n`);
  }
  yield* told;
}
