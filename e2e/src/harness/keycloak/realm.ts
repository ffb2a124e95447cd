/** The realm of the tests: two people in a group each, an OIDC client and a SAML client. */

export const REALM = 'cairn';
export const OIDC_CLIENT = 'cairn';
/** Entity ID of Cairn at Keycloak; there a SAML client's id is its entity ID. */
export const SAML_ENTITY_ID = 'https://cairn.example/saml';
/** A client of somebody else: its assertions and tokens are not for us. */
export const OTHER_ENTITY_ID = 'https://other.example/saml';
export const PASSWORD = 'password';

export const PEOPLE = { alice: 'analysts', bob: 'db-owners' } as const;
export type Person = keyof typeof PEOPLE;

function user(name: Person): object {
  return {
    username: name,
    email: `${name}@example.com`,
    emailVerified: true,
    firstName: name,
    lastName: 'Example',
    enabled: true,
    credentials: [{ type: 'password', value: PASSWORD, temporary: false }],
    groups: [`/${PEOPLE[name]}`],
  };
}

function mapper(protocol: string, name: string, protocolMapper: string, config: Record<string, string>): object {
  return { name, protocol, protocolMapper, config };
}

function oidcClient(clientId: string): object {
  const everywhere = { 'id.token.claim': 'true', 'access.token.claim': 'true' };
  return {
    clientId,
    protocol: 'openid-connect',
    publicClient: true,
    standardFlowEnabled: true,
    directAccessGrantsEnabled: false,
    redirectUris: ['http://127.0.0.1/*'],
    attributes: { 'oauth2.device.authorization.grant.enabled': 'true', 'pkce.code.challenge.method': 'S256' },
    protocolMappers: [
      mapper('openid-connect', 'groups', 'oidc-group-membership-mapper', { 'claim.name': 'groups', 'full.path': 'false', ...everywhere }),
      mapper('openid-connect', 'audience', 'oidc-audience-mapper', {
        'included.client.audience': clientId,
        'id.token.claim': 'false',
        'access.token.claim': 'true',
      }),
    ],
  };
}

function samlClient(clientId: string): object {
  const basic = { 'attribute.nameformat': 'Basic' };
  return {
    clientId,
    protocol: 'saml',
    redirectUris: ['http://127.0.0.1/*'],
    attributes: {
      'saml.assertion.signature': 'true',
      'saml.server.signature': 'true',
      'saml.signature.algorithm': 'RSA_SHA256',
      'saml.client.signature': 'false',
      'saml.force.post.binding': 'true',
      'saml.authnstatement': 'true',
      saml_name_id_format: 'username',
    },
    protocolMappers: [
      mapper('saml', 'groups', 'saml-group-membership-mapper', {
        'attribute.name': 'groups',
        single: 'true',
        'full.path': 'false',
        ...basic,
      }),
      mapper('saml', 'email', 'saml-user-property-mapper', { 'user.attribute': 'email', 'attribute.name': 'email', ...basic }),
    ],
  };
}

/** As Keycloak imports it. */
export function realm(): object {
  return {
    realm: REALM,
    enabled: true,
    sslRequired: 'none',
    groups: Object.values(PEOPLE).map((name) => ({ name })),
    users: (Object.keys(PEOPLE) as Person[]).map(user),
    clients: [oidcClient(OIDC_CLIENT), oidcClient('other'), samlClient(SAML_ENTITY_ID), samlClient(OTHER_ENTITY_ID)],
  };
}
