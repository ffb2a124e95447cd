import assert from 'node:assert/strict';
import { test } from 'node:test';
import { differences, wantedTopics, type TopicSettings } from './topic-settings.js';

const wanted = wantedTopics({ partitions: 6, replicationFactor: 3, retentionDays: 30 });
const withEvents = (change: (events: TopicSettings) => TopicSettings) => wanted.map((each, index) => (index === 0 ? change(each) : each));

test('topics are deleted by age and never compacted, and an acknowledged record is on two of three brokers', () => {
  for (const { config } of wanted) {
    assert.equal(config['cleanup.policy'], 'delete');
    assert.equal(config['retention.ms'], String(30 * 86_400_000));
    assert.equal(config['min.insync.replicas'], '2');
    assert.equal(config['unclean.leader.election.enable'], 'false');
  }
});

test('in-sync replicas leave one broker free, but are never none', () => {
  const minimum = (replicationFactor: number) =>
    wantedTopics({ partitions: 1, replicationFactor, retentionDays: 1 })[0]!.config['min.insync.replicas'];
  assert.deepEqual([1, 2, 3, 5].map(minimum), ['1', '1', '2', '2']);
});

test('what is as wanted differs in nothing, nor do more partitions', () => {
  assert.deepEqual(differences(wanted, wanted), []);
  assert.deepEqual(
    differences(
      wanted,
      withEvents((events) => ({ ...events, partitions: 60 })),
    ),
    [],
  );
});

test('a missing topic is to be created', () => {
  const found = wanted.slice(1);
  assert.deepEqual(differences(wanted, found), [
    { topic: 'cairn.events.v1', setting: 'topic', wanted: '6 partitions', found: undefined, mend: 'create' },
  ]);
});

test('a compacted topic can be altered; fewer partitions or replicas are left to a person', () => {
  const found = withEvents((events) => ({
    ...events,
    partitions: 1,
    replicationFactor: 1,
    config: { ...events.config, 'cleanup.policy': 'compact' },
  }));
  assert.deepEqual(
    differences(wanted, found).map(({ setting, found: is, mend }) => [setting, is, mend]),
    [
      ['partitions', '1', 'manual'],
      ['replicationFactor', '1', 'manual'],
      ['cleanup.policy', 'compact', 'alter'],
    ],
  );
});
