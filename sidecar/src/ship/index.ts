/** Shipping: the spool's records to Kafka, and the topics that take them. */
export type { KafkaConnection, SaslMechanism } from './connection.js';
export { ShipError } from './error.js';
export { startShipper, type Shipper, type ShipperOptions } from './shipper.js';
export { type Difference, type TopicOptions } from './topic-settings.js';
export { applyTopics, type TopicsApplied } from './topics.js';
