/** What a verified assertion says, and whether it may be used here and now (SAML core 2.5, SAML profiles 4.1.4). Pure. */
import { ASSERTION_SECONDS, CLOCK_SKEW_SECONDS, NAME_CHARACTERS } from '../limits.js';
import { isPlainText } from '../oidc-groups.js';
import { IdentityError } from '../types.js';
import { ASSERTION, BEARER, TRANSIENT } from './names.js';
import { attribute, children, childrenNamed, isNamed, onlyChild, textOf } from './xml.js';

export interface AssertionRules {
  /** Entity ID of the provider. */
  issuer: string;
  /** Our own entity ID. */
  audience: string;
  /** Addresses that an assertion may have been delivered to. */
  accepts(recipient: string): boolean;
  /** Id of the request that was made, where one was. */
  inResponseTo?: string;
  /** Seconds since the epoch. */
  now: number;
}

export interface AssertionClaims {
  id: string;
  nameId: string;
  /** Values by Name and by FriendlyName. */
  attributes: ReadonlyMap<string, readonly string[]>;
  /** Seconds since the epoch. */
  issued: number;
  /** Seconds since the epoch: from here on the assertion is refused. */
  expires: number;
  /** Seconds since the epoch: when the provider's session ends, where it says so. */
  sessionEnd: number | undefined;
}

function claims(sentence: string): IdentityError {
  return new IdentityError('claims', sentence);
}

/** SAML core 1.3.3: UTC, written with Z. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/;

function instant(element: Element, name: string): number | undefined {
  const text = attribute(element, name);
  if (text === undefined) return undefined;
  const time = INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw claims(`${name} of the ${element.localName} is not a time in UTC`);
  return time / 1000;
}

function checkBegun(time: number | undefined, now: number): void {
  if (time !== undefined && time > now + CLOCK_SKEW_SECONDS) {
    throw new IdentityError('not-yet-valid', 'the assertion is not valid yet; compare the clocks of provider and verifier');
  }
}

/** Returns the time that it ends. */
function checkEnd(time: number | undefined, now: number, what: string): number {
  if (time === undefined) throw claims(`the ${what} of the assertion has no NotOnOrAfter`);
  if (time + CLOCK_SKEW_SECONDS <= now) throw new IdentityError('expired', 'the assertion has expired; log in again');
  return time + CLOCK_SKEW_SECONDS;
}

/** SAML core 2.5.1: a condition that is not understood makes the assertion unusable. */
const CONDITIONS = ['AudienceRestriction', 'OneTimeUse', 'ProxyRestriction'];

function checkConditions(assertion: Element, rules: AssertionRules): number {
  const conditions = onlyChild(assertion, ASSERTION, 'Conditions');
  if (!conditions) throw claims('the assertion has no Conditions');
  for (const each of children(conditions)) {
    if (!CONDITIONS.some((name) => isNamed(each, ASSERTION, name)))
      throw claims('the assertion has a condition that is not understood here');
  }
  checkBegun(instant(conditions, 'NotBefore'), rules.now);
  const restrictions = childrenNamed(conditions, ASSERTION, 'AudienceRestriction');
  const named = (restriction: Element): boolean =>
    childrenNamed(restriction, ASSERTION, 'Audience').some((audience) => textOf(audience) === rules.audience);
  if (restrictions.length === 0 || !restrictions.every(named)) throw new IdentityError('audience', 'the assertion is for another audience');
  return checkEnd(instant(conditions, 'NotOnOrAfter'), rules.now, 'Conditions');
}

/** SAML profiles 4.1.4.2: bearer, delivered to us, in time, in answer to what was asked. */
function checkConfirmation(confirmation: Element, rules: AssertionRules): number {
  const data = onlyChild(confirmation, ASSERTION, 'SubjectConfirmationData');
  if (!data) throw claims('the subject confirmation of the assertion has no data');
  if (attribute(data, 'NotBefore')) throw claims('a bearer subject confirmation may not have NotBefore (SAML profiles 4.1.4.2)');
  const recipient = attribute(data, 'Recipient');
  if (recipient === undefined || !rules.accepts(recipient)) {
    throw new IdentityError('audience', 'the assertion was delivered to an address that is not accepted; add it to spec.saml.recipients');
  }
  if (rules.inResponseTo !== undefined && attribute(data, 'InResponseTo') !== rules.inResponseTo) {
    throw claims('the assertion does not answer the request that was made');
  }
  return checkEnd(instant(data, 'NotOnOrAfter'), rules.now, 'subject confirmation');
}

/** One confirmation that holds is enough (SAML core 2.4.1); where none does, the first says why. */
function confirmed(subject: Element, rules: AssertionRules): number {
  const bearers = childrenNamed(subject, ASSERTION, 'SubjectConfirmation').filter((each) => attribute(each, 'Method') === BEARER);
  let failure: unknown = claims('the assertion has no bearer subject confirmation');
  for (const [index, confirmation] of bearers.entries()) {
    try {
      return checkConfirmation(confirmation, rules);
    } catch (error) {
      if (index === 0) failure = error;
    }
  }
  throw failure;
}

function nameIdOf(subject: Element): string {
  const nameId = onlyChild(subject, ASSERTION, 'NameID');
  const text = textOf(nameId);
  if (!nameId || text === '' || text.length > NAME_CHARACTERS || !isPlainText(text))
    throw claims('the NameID of the assertion is not usable');
  if (attribute(nameId, 'Format') === TRANSIENT) {
    throw claims('the NameID is transient, so the person would be another one at every login; have the provider send a persistent one');
  }
  return text;
}

function attributesOf(assertion: Element): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const statement of childrenNamed(assertion, ASSERTION, 'AttributeStatement')) {
    for (const each of childrenNamed(statement, ASSERTION, 'Attribute')) {
      const texts = childrenNamed(each, ASSERTION, 'AttributeValue').map(textOf);
      const names = new Set([attribute(each, 'Name'), attribute(each, 'FriendlyName')].filter((name) => name !== undefined));
      for (const name of names) values.set(name, [...(values.get(name) ?? []), ...texts]);
    }
  }
  return values;
}

function sessionEnd(assertion: Element, now: number): number | undefined {
  const statements = childrenNamed(assertion, ASSERTION, 'AuthnStatement');
  if (statements.length === 0) throw claims('the assertion says nothing of an authentication (AuthnStatement)');
  const ends = statements.map((statement) => instant(statement, 'SessionNotOnOrAfter')).filter((end) => end !== undefined);
  if (ends.length === 0) return undefined;
  const end = Math.min(...ends);
  checkEnd(end, now, 'session');
  return end;
}

/** Reads a saml:Assertion whose signature was verified. Throws IdentityError. */
export function readAssertion(assertion: Element, rules: AssertionRules): AssertionClaims {
  const id = attribute(assertion, 'ID');
  if (!isNamed(assertion, ASSERTION, 'Assertion') || attribute(assertion, 'Version') !== '2.0' || !id || id.length > NAME_CHARACTERS) {
    throw claims('the assertion is not one of SAML 2.0 with an ID');
  }
  if (textOf(onlyChild(assertion, ASSERTION, 'Issuer')) !== rules.issuer)
    throw new IdentityError('issuer', 'the assertion is of another issuer');
  const issued = instant(assertion, 'IssueInstant');
  if (issued === undefined) throw claims('the assertion has no IssueInstant');
  checkBegun(issued, rules.now);
  const oldest = checkEnd(issued + ASSERTION_SECONDS, rules.now, 'assertion');
  const subject = onlyChild(assertion, ASSERTION, 'Subject');
  if (!subject) throw claims('the assertion has no Subject');
  const expires = Math.min(oldest, checkConditions(assertion, rules), confirmed(subject, rules));
  const session = sessionEnd(assertion, rules.now);
  return { id, nameId: nameIdOf(subject), attributes: attributesOf(assertion), issued, expires, sessionEnd: session };
}
