/** Schema of IdentityProvider. */
import { MAX_NAME_CHARS, MAX_RECIPIENTS } from '../limits.js';
import type { IdentityProviderSpec, OidcProviderSpec, SamlProviderSpec } from '../types.js';
import { formatted } from './formats.js';
import { listOf, object, text, type FieldsOf } from './structural.js';

const claim = '^[^\\s.]+(\\.[^\\s.]+)*$';

const oidc = object(
  'An OpenID Connect provider.',
  {
    issuer: formatted('The issuer as its tokens write it; discovery and keys are found from here.', 'url'),
    audiences: listOf('Audiences that are accepted, any of them.', text('One audience.', { maxLength: MAX_NAME_CHARS }), {
      min: 1,
      max: 16,
    }),
    groupsClaim: text('Claim that holds the groups, nested with dots: `groups`, `realm_access.roles`.', {
      pattern: claim,
      default: 'groups',
    }),
    usernameClaim: text('Claim that names the person for people to read.', { pattern: claim, default: 'email' }),
  } satisfies FieldsOf<OidcProviderSpec>,
  { required: ['issuer', 'audiences'] },
);

const saml = object(
  'A SAML 2.0 identity provider.',
  {
    metadata: formatted('Where the provider publishes its metadata; entity ID and certificates are read from it and followed.', 'url'),
    entityId: text("Cairn's own entity ID at the provider; assertions for another audience are refused.", { maxLength: 1024 }),
    groupsAttribute: text('Attribute that holds the groups, by its Name or FriendlyName.', {
      maxLength: MAX_NAME_CHARS,
      default: 'groups',
    }),
    usernameAttribute: text('Attribute that names the person for people to read. Left out: the NameID.', { maxLength: MAX_NAME_CHARS }),
    recipients: listOf(
      'Assertion consumer services whose assertions are accepted, beside the token endpoint and the loopback of `cairn launch`.',
      formatted('One address.', 'url'),
      { max: MAX_RECIPIENTS, initial: [] },
    ),
  } satisfies FieldsOf<SamlProviderSpec>,
  { required: ['metadata', 'entityId'] },
);

export const identityProviderSpec = object(
  'Who vouches for people: exactly one of the fields.',
  {
    oidc,
    saml,
  } satisfies FieldsOf<IdentityProviderSpec>,
  {
    'x-kubernetes-validations': [{ rule: 'has(self.oidc) != has(self.saml)', message: 'name exactly one of oidc and saml' }],
  },
);
