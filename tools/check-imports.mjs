// Holds the arrows between packages: each imports only those below it, declares what it imports, and nothing reaches past a package's index.
import { readFileSync, readdirSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';

const below = { crds: [], identity: ['crds'], audit: ['crds', 'identity'] };
for (const name of ['sidecar', 'operator', 'ledger']) below[name] = ['crds', 'identity', 'audit'];
below.cli = [...below.sidecar, 'sidecar', 'operator', 'ledger'];
below.e2e = [...below.cli, 'cli'];
below.bench = [...below.e2e, 'e2e'];

const builtin = new Set(builtinModules);
const root = JSON.parse(readFileSync('package.json', 'utf8'));
const problems = [];
for (const [name, allowed] of Object.entries(below)) {
  const manifest = JSON.parse(readFileSync(join(name, 'package.json'), 'utf8'));
  const declared = new Set(Object.keys(manifest.dependencies ?? {}));
  for (const entry of readdirSync(join(name, 'src'), { recursive: true })) {
    if (!entry.endsWith('.ts')) continue;
    const file = join(name, 'src', entry);
    const isTest = /(\.test|(^|\/)fixture)\.ts$/.test(entry);
    const forTests = { ...root.devDependencies, ...manifest.devDependencies };
    for (const [, fixed, dynamic] of readFileSync(file, 'utf8').matchAll(
      /^(?:(?:import|export|\}).*? from |import )['"]([^'"]+)['"]|\bimport\(['"]([^'"]+)['"]\)/gm,
    )) {
      const specifier = fixed ?? dynamic;
      if (specifier.startsWith('.') || specifier.startsWith('node:') || builtin.has(specifier)) continue;
      const parts = specifier.split('/');
      const module = specifier.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0];
      if (module.startsWith('@cairn/')) {
        if (!allowed.includes(parts[1])) problems.push(`${file}: ${name} must not import ${module}`);
        if (parts.length > 2) problems.push(`${file}: ${specifier} reaches past the index of ${module}`);
      } else if (!declared.has(module) && !(isTest && module in forTests)) {
        problems.push(`${file}: ${module} is not declared in ${name}/package.json`);
      }
    }
  }
}
for (const problem of problems) console.error(problem);
process.exit(problems.length ? 1 : 0);
