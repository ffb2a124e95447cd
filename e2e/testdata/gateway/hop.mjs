// A sidecar that was taken over: with its pod's own workload token it gets a certificate, and opens a hop with it or without.
// `given` stands before this text. Prints what the gateway said.
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';

const { env } = process;
const ca = readFileSync(env.CAIRN_OPERATOR_CA, 'utf8');
const workload = readFileSync(env.CAIRN_WORKLOAD_TOKEN_FILE, 'utf8').trim();
const TYPE = 'urn:ietf:params:oauth:token-type:';

function post(path, type, body) {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': type, authorization: `Bearer ${workload}` };
    const asked = request(new URL(path, env.CAIRN_OPERATOR_URL), { method: 'POST', ca, headers }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => (text += chunk)).on('end', () => resolve(JSON.parse(text)));
    });
    asked.on('error', reject).end(body);
  });
}

async function certificate() {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
  const { certificate: cert } = await post('/v1/certificates', 'application/json', JSON.stringify({ publicKey: spki }));
  return { cert, key: privateKey.export({ format: 'pem', type: 'pkcs8' }) };
}

/** The pod's own launch token. */
async function launchToken() {
  const form = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: env.CAIRN_GRANT,
    subject_token_type: `${TYPE}jwt`,
    actor_token: workload,
    actor_token_type: `${TYPE}jwt`,
    requested_token_type: `${TYPE}txn_token`,
  };
  return (await post('/oauth2/token', 'application/x-www-form-urlencoded', new URLSearchParams(form).toString())).access_token;
}

const DATA = 0;
const CONTROL = 2;
function frame(kind, payload) {
  const bytes = Buffer.from(payload);
  const head = Buffer.alloc(4);
  head.writeUInt32BE(bytes.length);
  head[0] = kind;
  return Buffer.concat([head, bytes]);
}

function hop(shown, token) {
  const { gateway, host, path } = given;
  return new Promise((resolve) => {
    let text = '';
    const headers = { host: gateway, connection: 'Upgrade', upgrade: 'cairn-hop/1', 'cairn-destination': `${host}:80` };
    const asked = request({ host: gateway, port: 8444, path: '/v1/hop', servername: gateway, ca, agent: false, ...shown, headers });
    asked.on('error', ({ message }) => resolve({ error: message }));
    asked.on('response', ({ statusCode }) => resolve({ status: statusCode }));
    asked.on('upgrade', (_, socket) => {
      socket.on('error', () => undefined).on('close', () => resolve({ text }));
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
        if (/HTTP\/1\.1 [^]*\r\n\r\n/.test(text)) setTimeout(() => socket.destroy(), 500);
      });
      const control = (message) => socket.write(frame(CONTROL, JSON.stringify(message)));
      control({ type: 'launch', number: 0, token });
      control({ type: 'own', launch: 0 });
      control({ type: 'start', serves: false, sessionToken: 'AAAA', apiToken: null, cause: 'taken-over' });
      socket.write(frame(DATA, `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`));
    });
    asked.end();
  });
}

if (given.wants === 'token') console.log(JSON.stringify({ token: await launchToken() }));
else console.log(JSON.stringify(await hop(given.certificate === 'own' ? await certificate() : {}, given.token ?? (await launchToken()))));
