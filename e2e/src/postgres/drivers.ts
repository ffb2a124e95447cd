/** Drivers of other languages, from their registries, in the cache. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cached } from '../harness/cache.js';
import { pythonWith } from '../harness/python.js';

const run = promisify(execFile);
const PSYCOPG = '3.2.9';
const PGJDBC = '42.7.7';
const DOWNLOAD_MS = 300_000;

/** A Python interpreter with psycopg 3 (binary). */
export const pythonWithPsycopg = (): Promise<string> => pythonWith('psycopg-venv', PSYCOPG, [`psycopg[binary]==${PSYCOPG}`]);

/** Folder with the PostgreSQL JDBC driver. */
export function jdbcFolder(): Promise<string> {
  return cached('pgjdbc', PGJDBC, async (draft) => {
    const project = await mkdtemp(join(tmpdir(), 'cairn-pgjdbc-'));
    try {
      const dependency = `<dependency><groupId>org.postgresql</groupId><artifactId>postgresql</artifactId><version>${PGJDBC}</version></dependency>`;
      const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>dev.cairn</groupId><artifactId>pgjdbc</artifactId><version>1</version><dependencies>${dependency}</dependencies></project>`;
      await writeFile(join(project, 'pom.xml'), pom);
      await run('mvn', ['-q', '-B', 'dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${draft}`], {
        cwd: project,
        timeout: DOWNLOAD_MS,
      });
    } finally {
      await rm(project, { recursive: true, force: true });
    }
  });
}
