/** The settings of Cairn's topics and how a cluster's differ from them. Pure. */
import { TOPICS, type Topics } from '@cairn/audit';
import { MESSAGE_MAX_BYTES } from './limits.js';

const DAY_MS = 86_400_000;

export interface TopicOptions {
  /** Of the events topic; every chain is one key, so this bounds how many consumers share the work. Never changed afterwards: keys would move. */
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly retentionDays: number;
  readonly topics?: Topics;
}

/** A topic as it should be, or as a cluster describes it. */
export interface TopicSettings {
  readonly topic: string;
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly config: Readonly<Record<string, string>>;
}

export function wantedTopics(options: TopicOptions): TopicSettings[] {
  const { events, payloads, checkpoints } = options.topics ?? TOPICS;
  const replicationFactor = options.replicationFactor;
  const config = {
    // Compaction would remove every event of a chain but the last.
    'cleanup.policy': 'delete',
    'retention.ms': String(options.retentionDays * DAY_MS),
    'retention.bytes': '-1',
    // With acks=all: an acknowledged record is on this many brokers, and one may be down for maintenance.
    'min.insync.replicas': String(Math.max(1, Math.min(2, replicationFactor - 1))),
    // An out-of-sync replica that became leader would lose acknowledged records.
    'unclean.leader.election.enable': 'false',
    'max.message.bytes': String(MESSAGE_MAX_BYTES),
    'message.timestamp.type': 'CreateTime',
    'compression.type': 'producer',
  };
  return [
    { topic: events, partitions: options.partitions, replicationFactor, config },
    { topic: payloads, partitions: options.partitions, replicationFactor, config },
    { topic: checkpoints, partitions: 1, replicationFactor, config },
  ];
}

export interface Difference {
  readonly topic: string;
  readonly setting: string;
  readonly wanted: string;
  /** undefined: the topic does not exist. */
  readonly found: string | undefined;
  /** `create` and `alter` can be mended here; `manual` needs a decision, as it moves data or keys. */
  readonly mend: 'create' | 'alter' | 'manual';
}

/** What must change for `found` to be `wanted`. More partitions or replicas than wanted are no difference. */
export function differences(wanted: readonly TopicSettings[], found: readonly TopicSettings[]): Difference[] {
  return wanted.flatMap((want) => {
    const have = found.find((each) => each.topic === want.topic);
    return have ? changed(want, have) : [missing(want)];
  });
}

function missing(want: TopicSettings): Difference {
  return { topic: want.topic, setting: 'topic', wanted: `${want.partitions} partitions`, found: undefined, mend: 'create' };
}

function changed(want: TopicSettings, have: TopicSettings): Difference[] {
  const result: Difference[] = [];
  for (const setting of ['partitions', 'replicationFactor'] as const) {
    if (have[setting] >= want[setting]) continue;
    result.push({ topic: want.topic, setting, wanted: String(want[setting]), found: String(have[setting]), mend: 'manual' });
  }
  for (const [setting, value] of Object.entries(want.config)) {
    const is = have.config[setting] ?? '';
    if (is !== value) result.push({ topic: want.topic, setting, wanted: value, found: is, mend: 'alter' });
  }
  return result;
}
