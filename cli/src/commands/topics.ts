/** `cairn topics apply`: Cairn's Kafka topics as they have to be, or what differs. */
import type { Difference, KafkaConnection, SaslMechanism, TopicsApplied } from '@cairn/sidecar';
import { Command, InvalidArgumentError, Option } from 'commander';

const MECHANISMS: readonly SaslMechanism[] = ['plain', 'scram-sha-256', 'scram-sha-512'];

interface ApplyOptions {
  brokers: string[];
  tls?: boolean;
  caFile?: string;
  certFile?: string;
  keyFile?: string;
  saslMechanism: SaslMechanism;
  saslUsername?: string;
  saslPasswordFile?: string;
  partitions: number;
  replicationFactor: number;
  retentionDays: number;
  check?: boolean;
  json?: boolean;
}

export function register(program: Command): void {
  const topics = program.command('topics').description('the Kafka topics that the trail goes through');
  topics
    .command('apply')
    .description('create the topics and set their settings; exits 1 where something is left that it does not change')
    .requiredOption('--brokers <host:port,...>', 'where the cluster answers', brokerList)
    .option('--tls', 'TLS with the public roots (implied by the three files below)')
    .option('--ca-file <pem>', 'CA that signed the brokers')
    .option('--cert-file <pem>', 'client certificate')
    .option('--key-file <pem>', 'key of the client certificate')
    .addOption(new Option('--sasl-mechanism <name>').choices(MECHANISMS).default('scram-sha-512'))
    .option('--sasl-username <name>', 'turns SASL on')
    .option('--sasl-password-file <file>', 'file that holds the password')
    .option('--partitions <n>', 'of events and payloads, when they are created', count, 12)
    .option('--replication-factor <n>', 'when they are created', count, 3)
    .option('--retention-days <n>', 'how long Kafka keeps the trail', count, 400)
    .option('--check', 'change nothing, only say what differs')
    .option('--json', 'one JSON object')
    .action(apply);
}

async function apply(options: ApplyOptions): Promise<void> {
  const { applyTopics } = await import('@cairn/sidecar');
  const { partitions, replicationFactor, retentionDays } = options;
  const applied = await applyTopics(connectionOf(options), { partitions, replicationFactor, retentionDays }, !options.check);
  process.stdout.write(options.json ? JSON.stringify(applied) + '\n' : report(applied));
  process.exitCode = applied.remaining.length > 0 ? 1 : 0;
}

function connectionOf(options: ApplyOptions): KafkaConnection {
  const { caFile, certFile, keyFile, saslUsername, saslPasswordFile, saslMechanism } = options;
  if (saslUsername && !saslPasswordFile) throw new Error('--sasl-username needs --sasl-password-file, a file that holds the password');
  const files = { ...(caFile && { caFile }), ...(certFile && { certFile }), ...(keyFile && { keyFile }) };
  return {
    brokers: options.brokers,
    tls: options.tls || caFile || certFile ? files : undefined,
    sasl: saslUsername ? { mechanism: saslMechanism, username: saslUsername, passwordFile: saslPasswordFile! } : undefined,
  };
}

function report({ differences, remaining }: TopicsApplied): string {
  if (differences.length === 0) return 'topics are as they should be\n';
  return differences.map((each) => `${sentence(each, stillThere(each, remaining))}\n`).join('');
}

function stillThere(difference: Difference, remaining: readonly Difference[]): boolean {
  return remaining.some((each) => each.topic === difference.topic && each.setting === difference.setting);
}

function sentence({ topic, setting, wanted, found, mend }: Difference, left: boolean): string {
  if (found === undefined) return left ? `${topic}: missing` : `${topic}: created with ${wanted}`;
  const state = `${topic}: ${setting} is ${found || 'unset'}, should be ${wanted}`;
  if (!left) return `${state}: set`;
  return mend === 'manual' ? `${state}: left alone, as changing it moves data; use Kafka's own tools` : state;
}

function brokerList(text: string): string[] {
  const brokers = text.split(',').map((each) => each.trim());
  if (brokers.every((each) => /^\S+:\d+$/.test(each))) return brokers;
  throw new InvalidArgumentError('write it as host:port, several with commas between them');
}

function count(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError('a whole number above 0');
}
