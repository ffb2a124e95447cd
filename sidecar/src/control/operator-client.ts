/** HTTP to the operator: JSON, forms and text, with the pod's workload token. The only code here that knows its paths. */
import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Approval, ApprovalRequest, Bundle } from '@cairn/crds';
import { ON_BEHALF_OF, type JwksSource, type Revocation } from '@cairn/identity';
import { MAX_ANSWER_BYTES, MAX_SOCKETS, OPERATOR_TIMEOUT_MS, POLL_SECONDS } from './limits.js';

export class OperatorError extends Error {
  constructor(
    /** HTTP status; 0: the operator was not reached. */
    readonly status: number,
    /** `code` of the problem or `error` of OAuth, if the operator gave one. */
    readonly code: string | undefined,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'OperatorError';
  }
}

export interface OperatorClientOptions {
  url: string;
  caFile: string | undefined;
  /** Read for every request: the kubelet rotates it. */
  workloadTokenFile: string;
}

type JSONWebKeySet = Extract<JwksSource, { keys: unknown }>;

interface Answer {
  status: number;
  etag: string | undefined;
  body: string;
}

interface Question {
  method: 'GET' | 'POST';
  path: string;
  type?: string;
  body?: string;
  headers?: Record<string, string>;
  timeout?: number;
}

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:';
export const SUBJECT_TYPES = {
  oidc: `${TOKEN_TYPE}access_token`,
  launch: `${TOKEN_TYPE}txn_token`,
  grant: `${TOKEN_TYPE}jwt`,
} as const;

/** What holding an operation for its approval asks of the operator. */
export type ApprovalClient = Pick<OperatorClient, 'requestApproval' | 'approval' | 'useApproval'>;

export class OperatorClient {
  readonly #url: URL;
  #agent: HttpAgent | HttpsAgent;
  /** Content of the CA file that the agent trusts. */
  #ca: string | undefined;

  constructor(private readonly options: OperatorClientOptions) {
    this.#url = new URL(options.url);
    this.#ca = this.#readCa();
    this.#agent = this.#newAgent();
  }

  /** The public keys of launch tokens. */
  async jwks(): Promise<JSONWebKeySet> {
    return JSON.parse((await this.#ask({ method: 'GET', path: '/.well-known/jwks.json' })).body) as JSONWebKeySet;
  }

  /** Whether a URL of the operator's is reached over this client's connection. */
  serves(url: string): boolean {
    return new URL(url).origin === this.#url.origin;
  }

  /** RFC 8693: a launch token of this pod for what the subject token proves. `renew`: a fresh one for this pod's own launch. */
  async exchange(subject: string, kind: keyof typeof SUBJECT_TYPES, scope?: 'renew'): Promise<{ token: string; expiresIn: number }> {
    const form = new URLSearchParams({
      grant_type: TOKEN_EXCHANGE,
      subject_token: subject,
      subject_token_type: SUBJECT_TYPES[kind],
      actor_token: this.#workloadToken(),
      actor_token_type: `${TOKEN_TYPE}jwt`,
      requested_token_type: `${TOKEN_TYPE}txn_token`,
      ...(scope ? { scope } : {}),
    });
    const answer = await this.#ask({
      method: 'POST',
      path: '/oauth2/token',
      type: 'application/x-www-form-urlencoded',
      body: form.toString(),
    });
    const { access_token, expires_in } = JSON.parse(answer.body) as { access_token: string; expires_in: number };
    return { token: access_token, expiresIn: expires_in };
  }

  /** Registers this boot's stream; returns the certificate of its key. */
  async certifyStream(stream: string, publicKey: string): Promise<string> {
    const answer = await this.#post('/v1/streams', { stream, publicKey });
    return (JSON.parse(answer.body) as { certificate: string }).certificate;
  }

  /** Says that the stream's last event is written and witnessed. */
  async closeStream(stream: string): Promise<void> {
    await this.#post(`/v1/streams/${encodeURIComponent(stream)}/close`, {});
  }

  /** Certifies a key (SPKI, DER) of this pod for the hop to the gateway. PEM; `expires` in RFC 3339. */
  async certificate(publicKey: Buffer): Promise<{ certificate: string; ca: string; expires: string }> {
    const { body } = await this.#post('/v1/certificates', { publicKey: publicKey.toString('base64') });
    return JSON.parse(body) as { certificate: string; ca: string; expires: string };
  }

  /** The same client for a gateway that asks for approvals of an agent's operations. */
  onBehalfOf({ namespace, name }: { namespace: string; name: string }): ApprovalClient {
    const headers = { [ON_BEHALF_OF]: `${namespace}/${name}` };
    return {
      requestApproval: (request) => this.requestApproval(request, headers),
      approval: (id, seconds) => this.approval(id, seconds, headers),
      useApproval: (id, event) => this.useApproval(id, event, headers),
    };
  }

  async witness(note: string): Promise<void> {
    await this.#ask({ method: 'POST', path: '/v1/checkpoints', type: 'text/plain', body: note, headers: this.#bearer() });
  }

  /** The bundle, or undefined when it is still the version given. Waits for a change when a version is given. */
  async bundle(version: string | undefined): Promise<Bundle | undefined> {
    const wait = version === undefined ? 0 : POLL_SECONDS;
    const answer = await this.#ask({
      method: 'GET',
      path: `/v1/bundle?wait=${wait}`,
      headers: { ...this.#bearer(), ...(version === undefined ? {} : { 'if-none-match': `"${version}"` }) },
      timeout: OPERATOR_TIMEOUT_MS + wait * 1000,
    });
    return answer.status === 304 ? undefined : (JSON.parse(answer.body) as Bundle);
  }

  async revocations(after: number): Promise<Revocation[]> {
    const answer = await this.#ask({
      method: 'GET',
      path: `/v1/revocations?after=${after}&wait=${POLL_SECONDS}`,
      headers: this.#bearer(),
      timeout: OPERATOR_TIMEOUT_MS + POLL_SECONDS * 1000,
    });
    return (JSON.parse(answer.body) as { revocations: Revocation[] }).revocations;
  }

  /** Tells of a connection of this pod that went past the sidecar. */
  async uncaptured(host: string, port: number): Promise<void> {
    await this.#post('/v1/uncaptured', { host, port });
  }

  async requestApproval(request: ApprovalRequest, headers?: Record<string, string>): Promise<Approval> {
    return JSON.parse((await this.#post('/v1/approvals', request, headers)).body) as Approval;
  }

  /** The approval, after it changed or `seconds` passed. */
  async approval(id: string, seconds: number, headers?: Record<string, string>): Promise<Approval> {
    const answer = await this.#ask({
      method: 'GET',
      path: `/v1/approvals/${encodeURIComponent(id)}?wait=${seconds}`,
      headers: { ...this.#bearer(), ...headers },
      timeout: OPERATOR_TIMEOUT_MS + seconds * 1000,
    });
    return JSON.parse(answer.body) as Approval;
  }

  /** Uses an approval up for an event; rejects with status 409 when another did before. The same event may ask again. */
  async useApproval(id: string, event: string, headers?: Record<string, string>): Promise<void> {
    await this.#post(`/v1/approvals/${encodeURIComponent(id)}/use`, { event }, headers);
  }

  close(): void {
    this.#agent.destroy();
  }

  #post(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer> {
    const all = { ...this.#bearer(), ...headers };
    return this.#ask({ method: 'POST', path, type: 'application/json', body: JSON.stringify(body), headers: all });
  }

  #readCa(): string | undefined {
    return this.options.caFile === undefined ? undefined : readFileSync(this.options.caFile, 'utf8');
  }

  #newAgent(): HttpAgent | HttpsAgent {
    const keepAlive = { keepAlive: true, maxSockets: MAX_SOCKETS };
    return this.#url.protocol === 'https:'
      ? new HttpsAgent({ ...keepAlive, ...(this.#ca ? { ca: this.#ca } : {}) })
      : new HttpAgent(keepAlive);
  }

  /** The operator's CA rotates: what is asked from then on trusts the new bundle, and what is open goes on. */
  #currentAgent(): HttpAgent | HttpsAgent {
    const ca = this.#readCa();
    if (ca !== this.#ca) {
      this.#ca = ca;
      this.#agent = this.#newAgent();
    }
    return this.#agent;
  }

  #bearer(): Record<string, string> {
    return { authorization: `Bearer ${this.#workloadToken()}` };
  }

  #workloadToken(): string {
    return readFileSync(this.options.workloadTokenFile, 'utf8').trim();
  }

  /**
   * Asks again where a connection that was kept open turns out to be closed: its replica of the operator may be gone, or closed it for
   * want of work. All that is asked may be asked twice.
   */
  async #ask(question: Question): Promise<Answer> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#once(question);
      } catch (error) {
        if (tries > MAX_SOCKETS || !(error instanceof OperatorError && error.cause instanceof StaleConnection)) throw error;
      }
    }
  }

  #once(question: Question): Promise<Answer> {
    const { method, path, type, body, headers, timeout = OPERATOR_TIMEOUT_MS } = question;
    const ask = this.#url.protocol === 'https:' ? httpsRequest : httpRequest;
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void =>
        reject(new OperatorError(0, undefined, `the operator at ${this.#url.host} was not reached: ${error.message}`, { cause: error }));
      const request = ask(new URL(path, this.#url), {
        method,
        agent: this.#currentAgent(),
        timeout,
        headers: { accept: 'application/json', ...(type ? { 'content-type': type } : {}), ...headers },
      });
      request.on('timeout', () => request.destroy(new Error(`no answer within ${timeout} ms`)));
      request.on('error', (error) => failed(request.reusedSocket && isClosed(error) ? new StaleConnection(error.message) : error));
      request.on('response', (response) => {
        readAnswer(response).then((answer) => (answer.status < 400 ? resolve(answer) : reject(refusal(answer))), failed);
      });
      request.end(body);
    });
  }
}

class StaleConnection extends Error {}

const isClosed = (error: NodeJS.ErrnoException): boolean => error.code === 'ECONNRESET' || error.code === 'EPIPE';

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new Error(`an answer over ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return { status: response.statusCode ?? 0, etag: response.headers.etag, body: Buffer.concat(chunks).toString('utf8') };
}

/** The operator's own words (problem+json or OAuth error), never what was sent. */
function refusal({ status, body }: Answer): OperatorError {
  let told: { code?: string; error?: string; detail?: string; title?: string; error_description?: string } = {};
  try {
    told = JSON.parse(body) as typeof told;
  } catch {
    // Not JSON: the status has to do.
  }
  const sentence = told.detail ?? told.error_description ?? told.title ?? `the operator answered ${status}`;
  return new OperatorError(status, told.code ?? told.error, sentence);
}
