/**
 * Finds personal data and secrets in text. Every finder is linear in the text: it looks for a rare anchor and then walks
 * a bounded way, or on to where the next search begins; nothing is a backtracking expression over unbounded input.
 */
import type { Detector } from '@cairn/crds';

/** Half-open ranges, flattened: start, end, start, end, ... in order and without overlap; undefined where nothing was found. */
type Spans = number[] | undefined;
type Finder = (text: string) => Spans;

const ALNUM = 1;
const DIGIT = 2;
const LOCAL = 4; // of atext and dot (RFC 5322 3.2.3) those that mailboxes use and URLs, queries and markup do not
const DOMAIN = 8; // letters, digits, hyphen, dot
const BASE64URL = 16;
const LETTER = 32;

const CLASS = new Uint8Array(128);
for (let code = 0; code < 128; code++) {
  const char = String.fromCharCode(code);
  if (/[0-9]/.test(char)) CLASS[code]! |= ALNUM | DIGIT | LOCAL | DOMAIN | BASE64URL;
  if (/[A-Za-z]/.test(char)) CLASS[code]! |= ALNUM | LETTER | LOCAL | DOMAIN | BASE64URL;
  if (/[.%'+_~-]/.test(char)) CLASS[code]! |= LOCAL;
  if (/[.-]/.test(char)) CLASS[code]! |= DOMAIN;
  if (/[_-]/.test(char)) CLASS[code]! |= BASE64URL;
}

const is = (text: string, at: number, kind: number): boolean => {
  const code = text.charCodeAt(at); // NaN beyond either end
  return code < 128 && (CLASS[code]! & kind) !== 0;
};

const walk = (text: string, from: number, kind: number, limit: number): number => {
  let at = from;
  while (at < limit && is(text, at, kind)) at++;
  return at;
};

const MAX_DOMAIN = 253; // RFC 1035 2.3.4, as text

const email: Finder = (text) => {
  let spans: Spans;
  let floor = 0;
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    let start = at;
    while (start > floor && is(text, start - 1, LOCAL)) start--;
    while (start < at && text[start] === "'") start++; // an opening quote
    let end = walk(text, at + 1, DOMAIN, Math.min(text.length, at + 1 + MAX_DOMAIN));
    while (end > at && !is(text, end - 1, ALNUM)) end--;
    let dot = end - 1;
    while (dot > at && text[dot] !== '.') dot--;
    const topLevel = dot > at + 1 && end - dot > 2 && is(text, dot + 1, LETTER);
    if (start < at && topLevel) {
      (spans ??= []).push(start, end);
      floor = end;
      at = end - 1;
    } else floor = at + 1;
  }
  return spans;
};

/** ISO/IEC 7812-1 annex B. */
function luhn(digits: string): boolean {
  let sum = 0;
  for (let i = digits.length - 1, double = false; i >= 0; i--, double = !double) {
    const value = digits.charCodeAt(i) - 48;
    sum += double ? (value > 4 ? value * 2 - 9 : value * 2) : value;
  }
  return sum % 10 === 0;
}

/** Issuer ranges with the lengths that they are issued in: keeps order numbers and timestamps from passing as cards. */
function issued(digits: string): boolean {
  const length = digits.length;
  const two = Number(digits.slice(0, 2));
  const four = Number(digits.slice(0, 4));
  if (digits.startsWith('4')) return length === 13 || length === 16 || length === 19;
  if (two === 34 || two === 37) return length === 15;
  if (two === 36 || two === 38 || two === 39 || (four >= 3000 && four <= 3059)) return length >= 14;
  if ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720) || two === 22) return length === 16;
  return (two === 35 || two === 50 || two === 56 || two === 57 || two === 58 || digits.startsWith('6')) && length >= 15;
}

const MIN_CARD_DIGITS = 13;
const MAX_CARD_DIGITS = 19;

/** End of a card number that starts at `start`, or 0. Digits may stand in groups, one space or hyphen between them. */
function cardAt(text: string, start: number): number {
  let digits = '';
  let found = 0;
  for (let at = start; digits.length < MAX_CARD_DIGITS && is(text, at, DIGIT); at++) {
    digits += text[at];
    const ends = !is(text, at + 1, DIGIT);
    if (ends && digits.length >= MIN_CARD_DIGITS && !is(text, at + 1, ALNUM) && issued(digits) && luhn(digits)) found = at + 1;
    if (ends && (text[at + 1] === ' ' || text[at + 1] === '-')) at++;
  }
  return found;
}

const paymentCard: Finder = (text) => {
  let spans: Spans;
  for (let at = 0; at < text.length; at++) {
    if (!is(text, at, DIGIT)) continue;
    if (!is(text, at - 1, ALNUM)) {
      const end = cardAt(text, at);
      if (end > 0) {
        (spans ??= []).push(at, end);
        at = end - 1;
        continue;
      }
    }
    at = walk(text, at, DIGIT, text.length) - 1;
  }
  return spans;
};

/** IBAN registry (ISO 13616): length by country. */
const IBAN_LENGTH: ReadonlyMap<string, number> = new Map(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 ' +
    'FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 ' +
    'MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 ' +
    'SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30'
  )
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

/** ISO 7064 MOD 97-10 over the number with its first four characters moved to the end. */
function mod97(iban: string): boolean {
  let rest = 0;
  for (let i = 0; i < iban.length; i++) {
    const code = iban.charCodeAt((i + 4) % iban.length);
    rest = code < 58 ? (rest * 10 + code - 48) % 97 : (rest * 100 + code - 55) % 97;
  }
  return rest === 1;
}

function ibanAt(text: string, start: number): number {
  const length = IBAN_LENGTH.get(text.slice(start, start + 2).toUpperCase());
  if (length === undefined || !is(text, start + 2, DIGIT) || !is(text, start + 3, DIGIT)) return 0;
  let compact = '';
  let at = start;
  for (; compact.length < length; at++) {
    if (is(text, at, ALNUM)) compact += text[at];
    else if (text[at] !== ' ' || compact.length % 4 !== 0) return 0;
  }
  return !is(text, at, ALNUM) && mod97(compact.toUpperCase()) ? at : 0;
}

const iban: Finder = (text) => {
  let spans: Spans;
  for (let at = 0; at < text.length; at++) {
    if (!is(text, at, LETTER) || is(text, at - 1, ALNUM) || !is(text, at + 2, DIGIT)) continue;
    const end = ibanAt(text, at);
    if (end === 0) continue;
    (spans ??= []).push(at, end);
    at = end - 1;
  }
  return spans;
};

/** Bounded expressions: at most `length` characters are looked at from each start, so the whole is linear. */
const bounded =
  (expression: RegExp, holds: (match: string) => boolean): Finder =>
  (text) => {
    let spans: Spans;
    expression.lastIndex = 0;
    for (let match = expression.exec(text); match; match = expression.exec(text)) {
      if (holds(match[0])) (spans ??= []).push(match.index, match.index + match[0].length);
    }
    return spans;
  };

/** Social Security Administration: no area 000, 666 or 900-999, no group 00, no serial 0000. */
const usSsn = bounded(/(?<![\w-])(?!000|666|9)\d{3}([- ])(?!00)\d{2}\1(?!0000)\d{4}(?![\w-])/g, () => true);

/** E.164 with its plus sign (up to 15 digits), or a North American number as people write it. */
const phone = bounded(
  /(?<![\w+])(?:\+[1-9](?:[ .()/-]{0,2}\d){7,14}|(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4})(?!\w)/g,
  () => true,
);

/** JWS (RFC 7515) and JWE (RFC 7516) compact form: the header is a JSON object, so base64url of `{"`. */
const jwt: Finder = (text) => {
  let spans: Spans;
  for (let at = text.indexOf('eyJ'); at >= 0; at = text.indexOf('eyJ', at)) {
    let start = at;
    let end = walk(text, at, BASE64URL, text.length);
    let dots = 0;
    while (dots < 4 && text[end] === '.') {
      end = walk(text, end + 1, BASE64URL, text.length);
      dots++;
    }
    if (is(text, at - 1, BASE64URL)) start = -1;
    if (start >= 0 && dots >= 2) (spans ??= []).push(start, end);
    at = Math.max(end, at + 3);
  }
  return spans;
};

export const PEM_BEGIN = '-----BEGIN ';
const PEM_LABEL = /[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/y;

/** PEM (RFC 7468), OpenSSH and OpenPGP armour. A key whose end is missing is taken to reach to the end of the text. */
const privateKey: Finder = (text) => {
  let spans: Spans;
  for (let at = text.indexOf(PEM_BEGIN); at >= 0; at = text.indexOf(PEM_BEGIN, at + 1)) {
    PEM_LABEL.lastIndex = at + PEM_BEGIN.length;
    const label = PEM_LABEL.exec(text)?.[0];
    if (label === undefined) continue;
    const closing = text.indexOf(`-----END ${label}`, at);
    const end = closing < 0 ? text.length : closing + 9 + label.length;
    (spans ??= []).push(at, end);
    at = end - 1;
  }
  return spans;
};

const FINDERS: Readonly<Record<Detector, Finder>> = {
  email,
  'payment-card': paymentCard,
  iban,
  'us-ssn': usSsn,
  phone,
  jwt,
  'private-key': privateKey,
};

/** Text with every finding replaced, or undefined where there was none. */
export function redact(text: string, detector: Detector, replacement: string): { value: string; count: number } | undefined {
  const spans = FINDERS[detector](text);
  if (!spans) return undefined;
  let value = '';
  let from = 0;
  for (let i = 0; i < spans.length; i += 2) {
    value += text.slice(from, spans[i]) + replacement;
    from = spans[i + 1]!;
  }
  return { value: value + text.slice(from), count: spans.length / 2 };
}
