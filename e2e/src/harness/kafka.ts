/** A real Apache Kafka broker: KRaft, one process, data in a temporary folder, ports of its own, by default on the loopback. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { open, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { localhostCertificate, type ServerCertificate } from '@cairn/cli';
import { kafkaJars } from './kafka-home.js';
import { accepts, freePorts } from './ports.js';

/** Seconds on a quiet machine; minutes where everything else starts as well. */
const START_TIMEOUT_MS = 240_000;
const LOOPBACK = '127.0.0.1';
const JAVA = ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];

export interface KafkaOptions {
  /** The address that clients reach it by. Default: the loopback; another one where pods of a cluster ship to it. */
  address?: string;
  /** Users for SCRAM-SHA-512: adds a SASL listener, and one with TLS where `tls` is set. */
  users?: Readonly<Record<string, string>>;
  /** Adds a TLS listener, with certificates of a CA made for this broker. */
  tls?: boolean;
  /** Appended to server.properties. */
  settings?: Readonly<Record<string, string>>;
}

export interface KafkaBroker {
  /** `host:port` of the plaintext listener. */
  readonly plaintext: string;
  /** SASL_PLAINTEXT, SSL and SASL_SSL listeners; undefined where not asked for. */
  readonly sasl: string | undefined;
  readonly tls: string | undefined;
  readonly saslTls: string | undefined;
  readonly certificates: ServerCertificate | undefined;
  /** SIGKILL; the data stays. */
  kill(): Promise<void>;
  /** Starts again on the same ports and data. */
  restart(): Promise<void>;
  /** Ends the process and removes its data. */
  stop(): Promise<void>;
}

/** Starts a broker; resolves once it accepts connections. Rejects with the end of its log where it does not. */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaBroker> {
  const jars = join(await kafkaJars(), '*');
  const folder = await mkdtemp(join(tmpdir(), 'cairn-kafka-'));
  const certificates = options.tls ? await localhostCertificate() : undefined;
  const { address: host = LOOPBACK } = options;
  const [controller, plaintext, sasl, tls, saslTls] = (await freePorts(5)) as [number, number, number, number, number];
  const listeners: Listener[] = [{ name: 'PLAINTEXT', protocol: 'PLAINTEXT', port: plaintext }];
  if (options.users) listeners.push({ name: 'SASL', protocol: 'SASL_PLAINTEXT', port: sasl });
  if (options.tls) listeners.push({ name: 'TLS', protocol: 'SSL', port: tls });
  if (options.users && options.tls) listeners.push({ name: 'SASLTLS', protocol: 'SASL_SSL', port: saslTls });
  const properties = join(folder, 'server.properties');
  if (certificates) await writeFile(join(folder, 'broker.pem'), certificates.key + '\n' + certificates.cert + '\n');
  await writeFile(properties, serverProperties(folder, controller, listeners, options));
  await format(jars, properties, options.users ?? {});
  const broker = new Broker(
    jars,
    folder,
    properties,
    listeners.map((each) => each.port),
    host,
  );
  const address = (name: string) => listeners.filter((each) => each.name === name).map((each) => `${host}:${each.port}`)[0];
  await broker.restart();
  return Object.assign(broker, {
    plaintext: `${host}:${plaintext}`,
    sasl: address('SASL'),
    tls: address('TLS'),
    saslTls: address('SASLTLS'),
    certificates,
  });
}

interface Listener {
  name: string;
  protocol: string;
  port: number;
}

class Broker {
  #process: ChildProcess | undefined;

  constructor(
    private readonly jars: string,
    private readonly folder: string,
    private readonly properties: string,
    private readonly ports: readonly number[],
    private readonly host: string,
  ) {}

  async restart(): Promise<void> {
    const log = await open(join(this.folder, 'broker.log'), 'a');
    const child = spawn('java', [...JAVA, '-cp', this.jars, 'kafka.Kafka', this.properties], { stdio: ['ignore', log.fd, log.fd] });
    this.#process = child;
    const reap = () => child.kill('SIGKILL');
    process.once('exit', reap);
    child.once('exit', () => process.removeListener('exit', reap));
    await log.close();
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (const port of this.ports) {
      while (!(await accepts(port, this.host))) {
        if (child.exitCode !== null || Date.now() > deadline) throw new Error(`Kafka did not start:\n${await this.#logErrors()}`);
        await delay(50);
      }
    }
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    // Nothing of a test's broker outlives it, so an orderly shutdown (seconds) is not waited for.
    await this.#end('SIGKILL');
    await rm(this.folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  }

  async #logErrors(): Promise<string> {
    const text = await readFile(join(this.folder, 'broker.log'), 'utf8');
    const lines = text.split('\n');
    const errors = lines.filter((line) => /ERROR|FATAL|^[a-z.]+\.[A-Za-z]+(Exception|Error)|Caused by/.test(line));
    return (errors.length ? errors : lines).slice(-30).join('\n');
  }
}

/** Writes the storage's identity and, as they can only be made then, the SCRAM users (KIP-900). */
async function format(jars: string, properties: string, users: Readonly<Record<string, string>>): Promise<void> {
  const clusterId = Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url');
  const scram = Object.entries(users).flatMap(([name, password]) => ['--add-scram', `SCRAM-SHA-512=[name=${name},password=${password}]`]);
  const tool = [...JAVA, '-cp', jars, 'kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', properties, ...scram];
  await promisify(execFile)('java', tool);
}

function serverProperties(folder: string, controller: number, listeners: readonly Listener[], options: KafkaOptions): string {
  const url = (listener: Listener) => `${listener.name}://${options.address ?? LOOPBACK}:${listener.port}`;
  const settings: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    listeners: [...listeners.map(url), `CONTROLLER://127.0.0.1:${controller}`].join(','),
    'advertised.listeners': listeners.map(url).join(','),
    'listener.security.protocol.map': ['CONTROLLER:PLAINTEXT', ...listeners.map((each) => `${each.name}:${each.protocol}`)].join(','),
    'log.dirs': join(folder, 'data'),
    'num.network.threads': '1',
    'num.io.threads': '2',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '1',
    'group.initial.rebalance.delay.ms': '0',
    'auto.create.topics.enable': 'false',
    'log.cleaner.dedupe.buffer.size': '2097152',
    // A restart after SIGKILL waits until the old registration ends: 12.7 s with the defaults.
    'broker.session.timeout.ms': '1500',
    'broker.heartbeat.interval.ms': '200',
  };
  for (const { name } of listeners.filter((each) => each.protocol.startsWith('SASL'))) {
    settings['sasl.enabled.mechanisms'] = 'SCRAM-SHA-512';
    const login = `listener.name.${name.toLowerCase()}.scram-sha-512.sasl.jaas.config`;
    settings[login] = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  }
  if (options.tls) {
    settings['ssl.keystore.type'] = 'PEM';
    settings['ssl.keystore.location'] = join(folder, 'broker.pem');
  }
  return Object.entries({ ...settings, ...options.settings })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}
