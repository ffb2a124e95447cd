/** Reads untyped request bodies member by member; what is wrong is said by name. */
import { Problem } from './problem.js';

export type Fields = Readonly<Record<string, unknown>>;

export function fieldsOf(body: unknown): Fields {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Fields;
  throw new Problem(400, 'malformed', 'the body must be a JSON object (Content-Type: application/json)');
}

export function textField(fields: Fields, name: string, characters: number): string {
  const value = fields[name];
  if (typeof value === 'string' && value !== '' && value.length <= characters) return value;
  throw new Problem(400, 'malformed', `${name} must be a text of 1 to ${characters} characters`);
}

export function optionalTextField(fields: Fields, name: string, characters: number): string | undefined {
  return fields[name] === undefined ? undefined : textField(fields, name, characters);
}

export function portField(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 65_536) return value;
  throw new Problem(400, 'malformed', `${name} must be a port`);
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function uuidField(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === 'string' && UUID.test(value)) return value;
  throw new Problem(400, 'malformed', `${name} must be a UUID in lower case`);
}

export function numberQuery(value: unknown, name: string, maximum: number): number {
  if (value === undefined) return 0;
  const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isNaN(number)) throw new Problem(400, 'malformed', `${name} must be a whole number`);
  return Math.min(number, maximum);
}
