export { renderTrail, type TrailOptions } from './terminal/trail.js';
export { startOidcProvider, type OidcProvider } from './demo/parts/oidc.js';
export { localhostCertificate, type ServerCertificate } from './demo/parts/postgres-certificate.js';
export { startPostgres, type PostgresOptions, type PostgresPart } from './demo/parts/postgres.js';
export { tamperedCopy } from './demo/evidence.js';
export { decodeKubernetes, DecodeError } from './kubernetes/index.js';
