/** `cairn launch`: logs somebody in, for the token that agents and the operator are called with. */
import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { refusing } from '../control/operator-api.js';
import { DEFAULT_TOKEN_FILE } from '../control/token-file.js';

interface LaunchOptions {
  issuer?: string;
  client: string;
  scope: string;
  resource?: string;
  device?: boolean;
  samlMetadata?: string;
  entityId?: string;
  serviceAccountToken?: string;
  server?: string;
  ca?: string;
  print?: boolean;
  tokenFile: string;
}

export function register(program: Command): void {
  const others = (...names: string[]): string[] => names;
  program
    .command('launch')
    .description('log in by OpenID Connect, by SAML or as a service account, for the token that agents are called with')
    .addOption(new Option('--issuer <url>', 'an OpenID Connect provider').conflicts(others('samlMetadata', 'serviceAccountToken')))
    .option('--client <id>', 'client id of cairn at the provider', 'cairn')
    .option('--scope <scopes>', 'scopes to ask for', 'openid email profile groups')
    .option('--resource <uri>', 'take an access token for this resource instead of the ID token')
    .option('--device', 'log in on another device by a code')
    .addOption(new Option('--saml-metadata <url>', "a SAML provider's metadata").conflicts(others('issuer', 'serviceAccountToken')))
    .option('--entity-id <id>', "cairn's entity ID at the SAML provider")
    .addOption(
      new Option('--service-account-token <file>', 'a token for the audience cairn.dev, as kubectl create token makes it').conflicts(
        others('issuer', 'samlMetadata'),
      ),
    )
    .option('--server <url>', "the operator's address, for logins by SAML and as a service account")
    .option('--ca <file>', "certificate authority of the operator's address")
    .option('--print', 'print the token instead of storing it: curl -H "Authorization: Bearer $(cairn launch --print ...)"')
    .option('--token-file <path>', 'where the token is stored, readable by you alone', DEFAULT_TOKEN_FILE)
    .action((options: LaunchOptions) => refusing(() => run(options)));
}

function show(url: string, code?: string): void {
  process.stderr.write(`Open in a browser to log in:\n  ${url}\n${code ? `The code is ${code}\n` : ''}`);
}

function tokenService({ server, ca }: LaunchOptions): { server: string; ca?: string } {
  if (!server) throw new Error('this login ends at the operator: name its address with --server');
  return { server, ...(ca ? { ca } : {}) };
}

async function login(options: LaunchOptions): Promise<string> {
  const { issuer, samlMetadata: metadata, entityId, serviceAccountToken } = options;
  if (issuer !== undefined) {
    const { loginByBrowser, loginByDevice } = await import('../control/login.js');
    return (options.device ? loginByDevice : loginByBrowser)({ ...options, issuer, show });
  }
  if (metadata !== undefined) {
    if (!entityId) throw new Error("name cairn's entity ID at the provider with --entity-id, as spec.saml.entityId has it");
    const { loginBySaml } = await import('../control/saml-login.js');
    return loginBySaml({ ...tokenService(options), metadata, entityId, show });
  }
  if (serviceAccountToken === undefined) throw new Error('name who vouches for you: --issuer, --saml-metadata or --service-account-token');
  const { accessTokenFor } = await import('../control/exchange.js');
  return accessTokenFor((await readFile(serviceAccountToken, 'utf8')).trim(), 'jwt', tokenService(options));
}

async function run(options: LaunchOptions): Promise<void> {
  const { storeToken } = await import('../control/token-file.js');
  const token = await login(options);
  if (options.print) {
    process.stdout.write(`${token}\n`);
    return;
  }
  await storeToken(options.tokenFile, token);
  process.stderr.write(`Logged in; the token is in ${options.tokenFile}\n`);
}
