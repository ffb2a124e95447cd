/** The jars of Apache Kafka, from Maven Central, in the cache. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cached } from './cache.js';

const run = promisify(execFile);
const KAFKA_VERSION = '4.3.1';
/** The binding of the slf4j-api that this Kafka brings. */
const SLF4J_VERSION = '1.7.36';
const DOWNLOAD_TIMEOUT_MS = 300_000;

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>dev.cairn</groupId><artifactId>kafka-home</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>${SLF4J_VERSION}</version></dependency>
  </dependencies>
</project>
`;

/** The folder of Kafka's jars. Rejects with a sentence where Java or Maven is missing. */
export async function kafkaJars(): Promise<string> {
  await need('java', ['-version'], 'Kafka needs a Java 17 runtime: install default-jre-headless (Debian) or put java on PATH');
  return cached('kafka', KAFKA_VERSION, download);
}

async function download(folder: string): Promise<void> {
  await need('mvn', ['-v'], `Kafka ${KAFKA_VERSION} comes from Maven Central and mvn is not on PATH: install maven`);
  const project = await mkdtemp(join(tmpdir(), 'cairn-kafka-pom-'));
  try {
    await mkdir(project, { recursive: true });
    await writeFile(join(project, 'pom.xml'), POM);
    const goal = ['-q', '-B', 'dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${folder}`];
    await run('mvn', goal, { cwd: project, timeout: DOWNLOAD_TIMEOUT_MS });
  } finally {
    await rm(project, { recursive: true, force: true });
  }
}

async function need(command: string, args: string[], sentence: string): Promise<void> {
  await run(command, args).catch((error: unknown) => {
    throw new Error(sentence, { cause: error });
  });
}
