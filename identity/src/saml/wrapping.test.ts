/** XML signature wrapping: the eight arrangements of "On Breaking SAML" (Somorovsky et al., 2012), each made from a message that holds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IdentityError } from '../types.js';
import { assertionXml, encoded, ENTITY_ID, responseXml, signed, startSamlProvider } from './fixture.js';
import { readSamlMessage, type SamlMessage } from './message.js';
import { UsedOnce } from './replays.js';
import { verifiedAssertion } from './signature.js';
import { createSamlVerifier } from './verifier.js';

const SIGNATURE = /<ds:Signature .*?<\/ds:Signature>/s;

interface Original {
  issuer: string;
  /** A signed assertion, its signature, and the assertion without it. */
  assertion: string;
  signature: string;
  bare: string;
  /** The same of a signed response. */
  response: string;
  responseSignature: string;
  bareResponse: string;
}

/** Somebody else's, under an ID of its own. */
const evil = (xml: string): string => xml.replaceAll('alice', 'mallory').replace(/ ID="_/, ' ID="_evil');
const within = (signature: string, xml: string, open = '', close = ''): string =>
  signature.replace('</ds:Signature>', `${open}${xml}${close}</ds:Signature>`);
const after = (xml: string, element: string, added: string): string => xml.replace(`</${element}>`, `</${element}>${added}`);
const atEnd = (xml: string, added: string): string => xml.replace(/<\/[^>]+>$/, (end) => `${added}${end}`);

const ATTACKS: [name: string, attack: (original: Original) => string][] = [
  [
    'XSW1: the signed response inside the signature of a forged one',
    (o) => after(evil(o.bareResponse), 'saml:Issuer', within(o.responseSignature, o.bareResponse)),
  ],
  [
    'XSW2: the signed response beside its signature in a forged one',
    (o) => after(evil(o.bareResponse), 'saml:Issuer', `${o.bareResponse}${o.responseSignature}`),
  ],
  ['XSW3: a forged assertion before the signed one', (o) => responseXml(o.issuer, `${evil(o.bare)}${o.assertion}`)],
  ['XSW4: the signed assertion inside a forged one', (o) => responseXml(o.issuer, atEnd(evil(o.bare), o.assertion))],
  [
    'XSW5: the signature moved to a forged assertion, the original at the end',
    (o) => responseXml(o.issuer, `${after(evil(o.bare), 'saml:Issuer', o.signature)}${o.bare}`),
  ],
  [
    'XSW6: the original inside the signature of a forged assertion',
    (o) => responseXml(o.issuer, after(evil(o.bare), 'saml:Issuer', within(o.signature, o.bare))),
  ],
  [
    'XSW7: a forged assertion among the extensions',
    (o) => responseXml(o.issuer, `<samlp:Extensions>${evil(o.bare)}</samlp:Extensions>${o.assertion}`),
  ],
  [
    'XSW8: the original as an object of the signature of a forged assertion',
    (o) => responseXml(o.issuer, after(evil(o.bare), 'saml:Issuer', within(o.signature, o.bare, '<ds:Object>', '</ds:Object>'))),
  ],
  ['the same ID twice', (o) => responseXml(o.issuer, `${o.bare.replaceAll('alice', 'mallory')}${o.assertion}`)],
  [
    'a forged assertion under another name',
    (o) =>
      responseXml(o.issuer, `${evil(o.bare).replaceAll('saml:Assertion', 'saml:assertion')}${o.assertion}`).replace(
        '<saml:Assertion',
        '<saml:Assertion ',
      ),
  ],
  [
    'a reference to the whole document',
    (o) => responseXml(o.issuer, after(evil(o.bare), 'saml:Issuer', o.signature.replace(/URI="[^"]*"/, 'URI=""'))),
  ],
  ['two signatures', (o) => responseXml(o.issuer, after(o.assertion, 'saml:Issuer', o.signature))],
];

async function prepare(t: Parameters<typeof startSamlProvider>[0]) {
  const provider = await startSamlProvider(t);
  const { entityId: issuer, key, metadata } = provider;
  const assertion = signed(assertionXml(issuer), 'Assertion', key);
  const response = signed(responseXml(issuer, assertion), 'Response', key);
  const original: Original = {
    issuer,
    assertion,
    signature: SIGNATURE.exec(assertion)![0],
    bare: assertion.replace(SIGNATURE, ''),
    response,
    responseSignature: SIGNATURE.exec(response)![0],
    bareResponse: response.replace(SIGNATURE, ''),
  };
  const verifier = createSamlVerifier({
    metadata,
    entityId: ENTITY_ID,
    groupsAttribute: 'groups',
    recipients: [],
    replays: new UsedOnce(),
  });
  return { provider, original, verifier };
}

test('a wrapped signature never lets a forged assertion through', async (t) => {
  const { provider, original, verifier } = await prepare(t);
  for (const [name, attack] of ATTACKS) {
    const wrapped = attack(original);
    if (name !== 'two signatures') assert.ok(wrapped.includes('mallory'));
    await t.test(name, async () => {
      const refused = async (): Promise<unknown> => verifier.verify(await readSamlMessage(encoded(wrapped)));
      // A message may keep its original assertion besides something that nobody reads; then the original is what counts.
      const outcome = await refused().catch((error: IdentityError) => error.code);
      const person = typeof outcome === 'string' ? undefined : (outcome as { principal: { sub: string } }).principal.sub;
      if (name === 'a forged assertion under another name') assert.equal(person, 'alice');
      else assert.ok(['malformed', 'signature'].includes(String(outcome)), JSON.stringify(outcome));
    });
    await t.test(`${name}, past the check of the shape`, async () => {
      const message: SamlMessage = { xml: wrapped, claimedIssuer: original.issuer, responseSigned: false };
      const assertion = await verifiedAssertion(message, [provider.key.certificate]).catch(() => undefined);
      assert.ok(!assertion?.textContent?.includes('mallory'));
    });
  }
  const second = await prepare(t);
  assert.equal((await second.verifier.verify(await readSamlMessage(encoded(second.original.response)))).principal.sub, 'alice');
});
