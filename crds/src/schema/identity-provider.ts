/** Schema of IdentityProvider. */
import { MAX_NAME_CHARS } from '../limits.js';
import type { IdentityProvider, OidcProviderSpec } from '../types.js';
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

export const identityProviderSpec = object('Who vouches for people.', { oidc } satisfies FieldsOf<IdentityProvider['spec']>, {
  required: ['oidc'],
});
