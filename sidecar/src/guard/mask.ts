/**
 * What a policy's masks mean, for every protocol: which names are hidden whole, and what is hidden inside text.
 * A session asks once per verdict (`maskerFor` keeps the answer) and then per name and per value.
 */
import type { Detector, Mask } from '@cairn/crds';
import type { Masked } from '../record/exchange.js';
import { redact } from './detect.js';

/** What stands in place of everything that was masked. Found by no detector itself. */
export const MASK = '***';

export interface Masker {
  /** Whether a column, member or parameter of this name is hidden whole. Compared without case. */
  field(name: string): boolean;
  /** Text with every finding replaced by MASK; undefined where nothing was found. `detector` is the first that found something. */
  text(value: string): { value: string; count: number; detector: Detector } | undefined;
  /** Whether any name is masked: what has no names cannot be passed then. */
  readonly fields: boolean;
  /** Whether text is searched. */
  readonly detects: boolean;
}

/** Secrets first: an address or a number inside a key is then counted once, as the key. */
const ORDER: readonly Detector[] = ['private-key', 'jwt', 'email', 'iban', 'payment-card', 'us-ssn', 'phone'];

class PolicyMasker implements Masker {
  readonly fields: boolean;
  readonly detects: boolean;
  readonly #names: ReadonlySet<string>;
  readonly #detectors: readonly Detector[];

  constructor(masks: readonly Mask[]) {
    this.#names = new Set(masks.flatMap((mask) => ('fields' in mask ? mask.fields.map((name) => name.toLowerCase()) : [])));
    const wanted = new Set(masks.flatMap((mask) => ('detect' in mask ? mask.detect : [])));
    this.#detectors = ORDER.filter((detector) => wanted.has(detector));
    this.fields = this.#names.size > 0;
    this.detects = this.#detectors.length > 0;
  }

  field(name: string): boolean {
    return this.#names.has(name) || this.#names.has(name.toLowerCase());
  }

  text(value: string): { value: string; count: number; detector: Detector } | undefined {
    let found: { value: string; count: number; detector: Detector } | undefined;
    for (const detector of this.#detectors) {
      const result = redact(found ? found.value : value, detector, MASK);
      if (!result) continue;
      if (found) found = { value: result.value, count: found.count + result.count, detector: found.detector };
      else found = { ...result, detector };
    }
    return found;
  }
}

const maskers = new WeakMap<readonly Mask[], Masker>();

/** The masker of a verdict's masks; undefined where nothing is masked. Kept by identity: verdicts of one rule share their array. */
export function maskerFor(masks: readonly Mask[]): Masker | undefined {
  if (masks.length === 0) return undefined;
  let masker = maskers.get(masks);
  if (!masker) maskers.set(masks, (masker = new PolicyMasker(masks)));
  return masker.fields || masker.detects ? masker : undefined;
}

/** How often each name and detector hid something; bounded by what the policy names. */
export class MaskCounts {
  readonly #counts = new Map<string, number>();

  add(path: string, count: number): void {
    this.#counts.set(path, (this.#counts.get(path) ?? 0) + count);
  }

  /** For the event; undefined where nothing was hidden. */
  masked(rule: string): Masked[] | undefined {
    if (this.#counts.size === 0) return undefined;
    return [...this.#counts].map(([path, count]) => ({ path, rule, count }));
  }
}

/** Path of a hidden member in an event: RFC 9535 for a name, `detect:` for a finding. Names are the policy's, never the data's. */
export const fieldPath = (name: string): string => `$..${name.toLowerCase()}`;
export const detectPath = (detector: Detector): string => `detect:${detector}`;
