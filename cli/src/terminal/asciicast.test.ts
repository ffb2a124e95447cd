import assert from 'node:assert/strict';
import { test } from 'node:test';
import { terminalLines } from './asciicast.js';

test('a terminal session is told keystroke by keystroke, with nothing that a terminal would act on', () => {
  const lines = ['{"version":3,"term":{"cols":80,"rows":24}}', '[0,"r","120x40"]', '[0.25,"i","l"]', '[1.5,"o","\\u001b[31mfile\\r\\n"]'];
  const more = ['[0,"e","oh"]', '[0,"O","/wA="]', '[0,"x","3"]', '[1,2,3]', '{"broken'];
  assert.deepEqual(terminalLines(Buffer.from([...lines, ...more].join('\n'))), [
    '+0.000 s size 120x40',
    '+0.250 s typed "l"',
    '+1.500 s output "\\u001b[31mfile\\r\\n"',
    '+0.000 s stderr "oh"',
    '+0.000 s output (base64) /wA=',
    '+0.000 s exit 3',
  ]);
});
