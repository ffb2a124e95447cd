/** `make manifests`: the folder first, then Helm's arguments. */
import { writeManifests } from './manifests.js';

const [folder = 'dist/manifests', ...args] = process.argv.slice(2);
await writeManifests(folder, args);
process.stderr.write(`kubectl apply --server-side -k ${folder}\n`);
