/** Creates and verifies Cairn's topics on a cluster. */
import kafkajs, { type Admin, type ConfigEntries } from 'kafkajs';
import { kafkaConfig, type KafkaConnection } from './connection.js';
import { shipError, ShipError } from './error.js';
import { ADMIN_TIMEOUT_MS } from './limits.js';
import { differences, wantedTopics, type Difference, type TopicOptions, type TopicSettings } from './topic-settings.js';

// Node finds only some of kafkajs' names in its CommonJS exports.
const { ConfigResourceTypes, ConfigSource, Kafka, logLevel } = kafkajs;
const RETRY = { retries: 5, initialRetryTime: 200, maxRetryTime: 1_000, multiplier: 2, factor: 0.2 };

export interface TopicsApplied {
  /** What was found before anything was changed. */
  readonly differences: Difference[];
  /** What is left to do: everything where `change` was false. */
  readonly remaining: Difference[];
}

/**
 * Compares the cluster's topics with the wanted settings and, where `change` is set, creates what is missing and alters
 * settings; partitions and replicas of an existing topic are only told. Rejects with ShipError.
 */
export async function applyTopics(connection: KafkaConnection, options: TopicOptions, change: boolean): Promise<TopicsApplied> {
  const wanted = wantedTopics(options);
  const admin = new Kafka({ ...kafkaConfig(connection, 'cairn-topics'), retry: RETRY, logLevel: logLevel.NOTHING }).admin({ retry: RETRY });
  try {
    await admin.connect();
    const found = await describe(admin, wanted);
    const before = differences(wanted, found);
    if (!change || before.length === 0) return { differences: before, remaining: before };
    await create(admin, before, wanted);
    await alter(admin, before, wanted, found);
    return { differences: before, remaining: differences(wanted, await describe(admin, wanted)) };
  } catch (error) {
    throw topicsError(error);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

interface FoundTopic extends TopicSettings {
  /** Only what was set for this topic itself, without what it inherits. */
  readonly overrides: Readonly<Record<string, string>>;
}

async function describe(admin: Admin, wanted: readonly TopicSettings[]): Promise<FoundTopic[]> {
  const existing = new Set(await admin.listTopics());
  const topics = wanted.map((each) => each.topic).filter((topic) => existing.has(topic));
  if (topics.length === 0) return [];
  const metadata = await admin.fetchTopicMetadata({ topics });
  const configs = await admin.describeConfigs({
    includeSynonyms: false,
    resources: topics.map((name) => ({ type: ConfigResourceTypes.TOPIC, name })),
  });
  return metadata.topics.map(({ name, partitions }) => {
    const entries = configs.resources.find((each) => each.resourceName === name)?.configEntries ?? [];
    return {
      topic: name,
      partitions: partitions.length,
      replicationFactor: Math.min(...partitions.map((each) => each.replicas.length)),
      config: valuesOf(entries),
      overrides: valuesOf(entries.filter((each) => each.configSource === ConfigSource.TOPIC_CONFIG)),
    };
  });
}

function valuesOf(entries: readonly ConfigEntries[]): Record<string, string> {
  return Object.fromEntries(entries.map((each) => [each.configName, each.configValue]));
}

async function create(admin: Admin, found: readonly Difference[], wanted: readonly TopicSettings[]): Promise<void> {
  const missing = wanted.filter((want) => found.some((each) => each.topic === want.topic && each.mend === 'create'));
  if (missing.length === 0) return;
  await admin.createTopics({
    waitForLeaders: true,
    timeout: ADMIN_TIMEOUT_MS,
    topics: missing.map((want) => ({
      topic: want.topic,
      numPartitions: want.partitions,
      replicationFactor: want.replicationFactor,
      configEntries: Object.entries(want.config).map(([name, value]) => ({ name, value })),
    })),
  });
}

async function alter(
  admin: Admin,
  before: readonly Difference[],
  wanted: readonly TopicSettings[],
  found: readonly FoundTopic[],
): Promise<void> {
  const topics = wanted.filter((want) => before.some((each) => each.topic === want.topic && each.mend === 'alter'));
  if (topics.length === 0) return;
  await admin.alterConfigs({
    validateOnly: false,
    resources: topics.map((want) => {
      // AlterConfigs replaces a topic's whole configuration, so that what else was set there is given again.
      const config = { ...found.find((each) => each.topic === want.topic)?.overrides, ...want.config };
      return {
        type: ConfigResourceTypes.TOPIC,
        name: want.topic,
        configEntries: Object.entries(config).map(([name, value]) => ({ name, value })),
      };
    }),
  });
}

function topicsError(error: unknown): ShipError {
  const text = String(
    (error as { errors?: { type?: string }[] }).errors?.map((each) => each.type).join() ?? (error as { type?: string }).type,
  );
  if (text.includes('INVALID_REPLICATION_FACTOR')) {
    return new ShipError('config', 'the cluster has fewer brokers than replicas are asked for: pass --replication-factor', {
      cause: error,
    });
  }
  if (text.includes('AUTHORIZATION_FAILED')) {
    return new ShipError(
      'authorization',
      'Kafka does not let this user manage the topics: grant CREATE, DESCRIBE, DESCRIBE_CONFIGS and ALTER_CONFIGS',
      {
        cause: error,
      },
    );
  }
  return shipError(error);
}
