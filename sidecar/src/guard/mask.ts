/**
 * What a policy's masks mean, for every protocol: which names are hidden whole, and what is hidden inside text.
 * A session asks once per verdict (`maskerFor` keeps the answer) and then per name and per value.
 */
import type { Detector, Mask } from '@cairn/crds';
import type { Masked } from '../record/exchange.js';
import { redact } from './detect.js';

/** What stands in place of everything that was masked. Found by no detector itself. */
export const MASK = '***';

/** What stands in the place of a member that has to keep its type. */
export interface StandIn {
  /** The member's value itself, or the value of each of its own members, where it is an object. */
  of: 'value' | 'members';
  /** As JSON. */
  json: Buffer;
}

export interface Masker {
  /** Whether a column, member or parameter of this name is hidden whole. Compared without case. */
  field(name: string): boolean;
  /** Text with every finding replaced by MASK; undefined where nothing was found. `detector` is the first that found something. */
  text(value: string): { value: string; count: number; detector: Detector } | undefined;
  /** Whether any name is masked: what has no names cannot be passed then. */
  readonly fields: boolean;
  /** Whether text is searched. */
  readonly detects: boolean;
  /** Members that are hidden in a form of their own, by name. */
  readonly standIns: ReadonlyMap<string, StandIn>;
  /** Bit n is set where a name of n bytes (modulo 32) may be hidden: spares decoding of others. */
  readonly nameLengths: number;
  /** Whether text of this length with so many digits and `@` can hold anything: a necessary condition that costs no decoding. */
  mayFind(length: number, digits: number, ats: number): boolean;
}

/** Fewest characters and digits of anything that a detector finds; every e-mail address has an `@`. */
const LEAST: Readonly<Record<Detector, { length: number; digits: number; ats: number }>> = {
  email: { length: 6, digits: 0, ats: 1 },
  'payment-card': { length: 13, digits: 13, ats: 0 },
  iban: { length: 15, digits: 2, ats: 0 },
  'us-ssn': { length: 11, digits: 9, ats: 0 },
  phone: { length: 9, digits: 8, ats: 0 },
  jwt: { length: 8, digits: 0, ats: 0 },
  'private-key': { length: 27, digits: 0, ats: 0 },
};

/** Secrets first: an address or a number inside a key is then counted once, as the key. */
const ORDER: readonly Detector[] = ['private-key', 'jwt', 'email', 'iban', 'payment-card', 'us-ssn', 'phone'];

class PolicyMasker implements Masker {
  readonly fields: boolean;
  readonly detects: boolean;
  readonly #names: ReadonlySet<string>;
  readonly #detectors: readonly Detector[];
  readonly #least: readonly (typeof LEAST)[Detector][];
  readonly nameLengths: number;

  constructor(
    masks: readonly Mask[],
    readonly standIns: ReadonlyMap<string, StandIn>,
  ) {
    this.#names = new Set(masks.flatMap((mask) => ('fields' in mask ? mask.fields.map((name) => name.toLowerCase()) : [])));
    const wanted = new Set(masks.flatMap((mask) => ('detect' in mask ? mask.detect : [])));
    this.#detectors = ORDER.filter((detector) => wanted.has(detector));
    this.fields = this.#names.size > 0 || standIns.size > 0;
    this.detects = this.#detectors.length > 0;
    this.#least = this.#detectors.map((detector) => LEAST[detector]);
    let lengths = 0;
    // Names that are not US-ASCII may change their length with their case.
    for (const name of [...this.#names, ...standIns.keys()])
      lengths |= Buffer.byteLength(name) === name.length ? 1 << (name.length & 31) : -1;
    this.nameLengths = lengths;
  }

  mayFind(length: number, digits: number, ats: number): boolean {
    for (const least of this.#least) if (length >= least.length && digits >= least.digits && ats >= least.ats) return true;
    return false;
  }

  field(name: string): boolean {
    return this.#names.has(name) || this.#names.has(name.toLowerCase());
  }

  text(value: string): { value: string; count: number; detector: Detector } | undefined {
    let digits = 0;
    let ats = 0;
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code <= 0x40 && code >= 0x30) {
        if (code <= 0x39) digits++;
        else if (code === 0x40) ats++;
      }
    }
    if (!this.mayFind(value.length, digits, ats)) return undefined;
    let found: { value: string; count: number; detector: Detector } | undefined;
    for (const [index, detector] of this.#detectors.entries()) {
      const least = this.#least[index]!;
      if (value.length < least.length || digits < least.digits || ats < least.ats) continue;
      const result = redact(found ? found.value : value, detector, MASK);
      if (!result) continue;
      if (found) found = { value: result.value, count: found.count + result.count, detector: found.detector };
      else found = { ...result, detector };
    }
    return found;
  }
}

const NO_STAND_INS: ReadonlyMap<string, StandIn> = new Map();
const maskers = new WeakMap<readonly Mask[], Masker>();

/** The masker of a verdict's masks; undefined where nothing is masked. Kept by identity: verdicts of one rule share their array. */
export function maskerFor(masks: readonly Mask[]): Masker | undefined {
  if (masks.length === 0) return undefined;
  let masker = maskers.get(masks);
  if (!masker) maskers.set(masks, (masker = new PolicyMasker(masks, NO_STAND_INS)));
  return masker.fields || masker.detects ? masker : undefined;
}

/** A new masker of these masks that also hides the members named in `standIns`. */
export function maskerWith(masks: readonly Mask[], standIns: ReadonlyMap<string, StandIn>): Masker {
  return new PolicyMasker(masks, standIns);
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
export const fieldPath = (name: string): string =>
  /['\\./[\]]/.test(name) ? `$..['${name.toLowerCase().replace(/['\\]/g, '\\$&')}']` : `$..${name.toLowerCase()}`;
export const detectPath = (detector: Detector): string => `detect:${detector}`;
