/** `cairn launch`: logs a person in, for the token that agents and the operator are called with. */
import type { Command } from 'commander';
import { DEFAULT_TOKEN_FILE } from '../control/token-file.js';

interface LaunchOptions {
  issuer: string;
  client: string;
  scope: string;
  resource?: string;
  device?: boolean;
  print?: boolean;
  tokenFile: string;
}

export function register(program: Command): void {
  program
    .command('launch')
    .description('log in by OpenID Connect, for the token that agents are called with')
    .requiredOption('--issuer <url>', 'the identity provider')
    .option('--client <id>', 'client id of cairn at the provider', 'cairn')
    .option('--scope <scopes>', 'scopes to ask for', 'openid email profile groups')
    .option('--resource <uri>', 'take an access token for this resource instead of the ID token')
    .option('--device', 'log in on another device by a code')
    .option('--print', 'print the token instead of storing it: curl -H "Authorization: Bearer $(cairn launch --print ...)"')
    .option('--token-file <path>', 'where the token is stored, readable by you alone', DEFAULT_TOKEN_FILE)
    .action(run);
}

async function run(options: LaunchOptions): Promise<void> {
  const { loginByBrowser, loginByDevice } = await import('../control/login.js');
  const { storeToken } = await import('../control/token-file.js');
  const show = (url: string, code?: string): void => {
    process.stderr.write(`Open in a browser to log in:\n  ${url}\n${code ? `The code is ${code}\n` : ''}`);
  };
  const token = await (options.device ? loginByDevice : loginByBrowser)({ ...options, show });
  if (options.print) {
    process.stdout.write(`${token}\n`);
    return;
  }
  await storeToken(options.tokenFile, token);
  process.stderr.write(`Logged in; the token is in ${options.tokenFile}\n`);
}
