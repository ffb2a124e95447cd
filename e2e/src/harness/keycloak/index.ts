export { Browser } from './browser.js';
export { startKeycloak, type Keycloak } from './keycloak.js';
export { OIDC_CLIENT, OTHER_ENTITY_ID, SAML_ENTITY_ID, type Person } from './realm.js';
