/** A real Keycloak on ports of its own, by default on the loopback, with the realm of realm.ts; its data is gone when it ends. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePorts } from '../ports.js';
import { keycloakHome } from './home.js';
import { POLL_MS, START_TIMEOUT_MS } from './limits.js';
import { REALM, realm } from './realm.js';

const JAVA = ['-Xms128m', '-Xmx384m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];
const THREADS = 'io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory';

export interface Keycloak {
  /** OIDC issuer of the realm, and the entity ID of its SAML provider. */
  readonly issuer: string;
  /** URL of the SAML metadata. */
  readonly samlMetadata: string;
  /** Signs with a new RSA key from now on, for OIDC and SAML; the old one stays published. */
  rotateKey(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts one; resolves once it serves the realm. Rejects with the end of its log where it does not start. `host`: the
 * address that it listens on, another than the loopback where pods of a cluster are to reach it.
 */
export async function startKeycloak(host = '127.0.0.1'): Promise<Keycloak> {
  const home = await keycloakHome();
  const folder = await mkdtemp(join(tmpdir(), 'cairn-keycloak-'));
  for (const name of ['bin', 'conf', 'lib', 'providers', 'themes']) await symlink(join(home, name), join(folder, name));
  await mkdir(join(folder, 'data', 'import'), { recursive: true });
  await writeFile(join(folder, 'data', 'import', `${REALM}-realm.json`), JSON.stringify(realm()));
  const [port, management] = (await freePorts(2)) as [number, number];
  const server = new Server(folder, host, port, management);
  try {
    await server.start();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

class Server implements Keycloak {
  readonly #base: string;
  readonly #password = randomBytes(16).toString('hex');
  #process: ChildProcess | undefined;
  #keys = 0;

  constructor(
    private readonly folder: string,
    private readonly host: string,
    private readonly port: number,
    private readonly management: number,
  ) {
    this.#base = `http://${host}:${port}`;
  }

  get issuer(): string {
    return `${this.#base}/realms/${REALM}`;
  }

  get samlMetadata(): string {
    return `${this.issuer}/protocol/saml/descriptor`;
  }

  async start(): Promise<void> {
    const log = await open(join(this.folder, 'keycloak.log'), 'a');
    const system = [
      `-Dkc.home.dir=${this.folder}`,
      '-Dkc.config.built=true',
      `-Djava.util.concurrent.ForkJoinPool.common.threadFactory=${THREADS}`,
    ];
    const main = ['-cp', join(this.folder, 'lib', 'quarkus-run.jar'), 'io.quarkus.bootstrap.runner.QuarkusEntryPoint'];
    const address = ['--http-enabled=true', `--http-host=${this.host}`, `--http-port=${this.port}`, '--hostname-strict=false'];
    const command = ['start', '--optimized', ...address, `--http-management-port=${this.management}`, '--import-realm'];
    const child = spawn('java', [...JAVA, ...system, ...main, ...command], {
      stdio: ['ignore', log.fd, log.fd],
      env: { ...process.env, KC_BOOTSTRAP_ADMIN_USERNAME: 'admin', KC_BOOTSTRAP_ADMIN_PASSWORD: this.#password },
    });
    this.#process = child;
    const reap = () => child.kill('SIGKILL');
    process.once('exit', reap);
    child.once('exit', () => process.removeListener('exit', reap));
    await log.close();
    await this.#serves(child);
  }

  async #serves(child: ChildProcess): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    const ready = async (): Promise<boolean> => {
      const answer = await fetch(`${this.issuer}/.well-known/openid-configuration`).catch(() => undefined);
      await answer?.body?.cancel();
      return answer?.ok === true;
    };
    while (!(await ready())) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`Keycloak did not start:\n${await this.#logEnd()}`);
      await delay(POLL_MS);
    }
  }

  async rotateKey(): Promise<void> {
    this.#keys++;
    await this.#administer('POST', '/components', {
      name: `rsa-${this.#keys}`,
      providerId: 'rsa-generated',
      providerType: 'org.keycloak.keys.KeyProvider',
      config: { priority: [String(1000 + this.#keys)], enabled: ['true'], active: ['true'], algorithm: ['RS256'], keySize: ['2048'] },
    });
  }

  async stop(): Promise<void> {
    const child = this.#process;
    if (child && child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  async #administer(method: string, path: string, body: object): Promise<void> {
    const token = await fetch(`${this.#base}/realms/master/protocol/openid-connect/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'password', client_id: 'admin-cli', username: 'admin', password: this.#password }),
    });
    const { access_token } = (await token.json()) as { access_token: string };
    const answer = await fetch(`${this.#base}/admin/realms/${REALM}${path}`, {
      method,
      headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`Keycloak's administration answered ${answer.status}: ${await answer.text()}`);
    await answer.body?.cancel();
  }

  async #logEnd(): Promise<string> {
    return (await readFile(join(this.folder, 'keycloak.log'), 'utf8')).split('\n').slice(-30).join('\n');
  }
}
