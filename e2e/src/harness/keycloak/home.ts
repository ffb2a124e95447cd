/** Keycloak from Maven Central, unpacked and built for the options of the tests, in the cache. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cached } from '../cache.js';
import { BUILD_TIMEOUT_MS, DOWNLOAD_TIMEOUT_MS } from './limits.js';

const run = promisify(execFile);
const KEYCLOAK_VERSION = '26.7.3';
/** Options of the build: they are part of what is cached. In memory and alone, so that servers share nothing. */
const BUILD = ['build', '--db=dev-mem', '--cache=local', '--health-enabled=true'];

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>dev.cairn</groupId><artifactId>keycloak-home</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.keycloak</groupId><artifactId>keycloak-quarkus-dist</artifactId><version>${KEYCLOAK_VERSION}</version><type>zip</type>
      <exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>
    </dependency>
  </dependencies>
</project>
`;

/** Keycloak's folder (bin, conf, lib, ...). Rejects with a sentence where Java, Maven or unzip is missing. */
export async function keycloakHome(): Promise<string> {
  await need('java', ['-version'], 'Keycloak needs a Java 17 runtime: install default-jre-headless (Debian) or put java on PATH');
  return cached('keycloak', `${KEYCLOAK_VERSION}-mem`, prepare);
}

async function prepare(folder: string): Promise<void> {
  await need('mvn', ['-v'], `Keycloak ${KEYCLOAK_VERSION} comes from Maven Central and mvn is not on PATH: install maven`);
  await need('unzip', ['-v'], 'Keycloak comes as a zip and unzip is not on PATH: install unzip');
  const project = await mkdtemp(join(tmpdir(), 'cairn-keycloak-pom-'));
  try {
    await writeFile(join(project, 'pom.xml'), POM);
    const goal = ['-q', '-B', 'dependency:copy-dependencies', `-DoutputDirectory=${project}`];
    await run('mvn', goal, { cwd: project, timeout: DOWNLOAD_TIMEOUT_MS });
    await run('unzip', ['-q', `keycloak-quarkus-dist-${KEYCLOAK_VERSION}.zip`], { cwd: project });
    const unpacked = join(project, `keycloak-${KEYCLOAK_VERSION}`);
    for (const name of await readdir(unpacked)) await rename(join(unpacked, name), join(folder, name));
    await run(join(folder, 'bin', 'kc.sh'), BUILD, { timeout: BUILD_TIMEOUT_MS });
  } finally {
    await rm(project, { recursive: true, force: true });
  }
}

async function need(command: string, args: string[], sentence: string): Promise<void> {
  await run(command, args).catch((error: unknown) => {
    throw new Error(sentence, { cause: error });
  });
}
