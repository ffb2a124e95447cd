// Writes the file that its argument names: prints done, or why not.
import { writeFileSync } from 'node:fs';

try {
  writeFileSync(process.argv[2], '');
  console.log('done');
} catch ({ code }) {
  console.log(code);
}
