/** The JSON Schema (2020-12) of events, for programs that did not write them. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Ajv2020, ValidateFunction } from 'ajv/dist/2020.js';
import type { AuditEvent } from './event.js';

let compiled: ValidateFunction<AuditEvent> | undefined;

/** The schema as published: `audit/schema/event.v1.json`. */
export function eventSchema(): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL('../schema/event.v1.json', import.meta.url), 'utf8')) as Record<string, unknown>;
}

/** What is wrong with an event by its schema, one sentence each, without its values; empty where it conforms. Compiled at the first call. */
export function validateEvent(event: unknown): string[] {
  compiled ??= compile();
  if (compiled(event)) return [];
  return (compiled.errors ?? []).map(({ instancePath, message }) => `${instancePath || 'the event'} ${message ?? 'is not valid'}`);
}

// Loaded at first use: a sidecar writes events and never checks them so, and would pay for it in memory.
function compile(): ValidateFunction<AuditEvent> {
  const { Ajv2020: Validator } = createRequire(import.meta.url)('ajv/dist/2020.js') as { Ajv2020: typeof Ajv2020 };
  return new Validator({ allErrors: true }).compile<AuditEvent>(eventSchema());
}
