/** Writes the chart's templates; `make generate` calls it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { admissionManifests } from './files.js';

const root = join(import.meta.dirname, '..', '..', '..', '..');
for (const [file, text] of admissionManifests()) writeFileSync(join(root, file), text);
