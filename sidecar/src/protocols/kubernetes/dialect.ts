/** The Kubernetes API as a dialect of HTTP/1.1. */
import type { SessionContext } from '../protocol.js';
import type { Dialect, TunnelSession } from '../http/dialect.js';
import type { OpenExchange } from '../http/open-exchange.js';
import { valuesOf } from '../http/fields.js';
import type { RequestHead, ResponseHead } from '../http/head.js';
import type { Problem } from '../http/problem.js';
import { Tunnel } from '../http/tunnel.js';
import { amend } from './amend.js';
import { forwardedStreams } from './forwarded-streams.js';
import { interpret, reads } from './interpret.js';
import { maskable, maskerOf } from './masking.js';
import { isPortForward, PortForwardTunnel } from './port-forward.js';
import { requestInfo } from './request-info.js';
import { resultReader } from './result.js';
import { change } from './rewrite.js';
import { answer } from './status.js';
import { commandProtocol, TerminalTunnel } from './terminal.js';

export const kubernetesApi: Dialect = {
  // The API server serves one host, and clients reach it by several names.
  host: 'replaced',
  // As the API server itself takes it (net/http): a watch would otherwise go on for nobody until its next event.
  halfClosed: 'gone',
  reads,
  interpret,
  amend,
  refusal,
  masker: maskerOf,
  maskable,
  change,
  answer,
  result: resultReader,
  tunnel,
};

/** What is no remote command passes as bytes, recorded as bytes. */
function tunnel(context: SessionContext, open: OpenExchange, head: ResponseHead): TunnelSession {
  if (isPortForward(open.operation)) {
    const streams = forwardedStreams(head);
    return streams ? new PortForwardTunnel(context, open, streams) : new Tunnel(context, open);
  }
  const protocol = commandProtocol(head);
  return protocol ? new TerminalTunnel(context, open, protocol) : new Tunnel(context, open);
}

function refusal(context: SessionContext, head: RequestHead, path: string): Problem | undefined {
  const info = requestInfo(head.method, path);
  if (info.kind === 'unclear') return { status: 400, code: 'url', detail: `The URL ${info.reason}.` };
  for (const authorization of valuesOf(head, 'authorization')) {
    const bearer = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
    if (bearer !== undefined && !context.isSessionToken(bearer)) return STRANGE_TOKEN;
  }
  return withoutCredential(context);
}

const STRANGE_TOKEN: Problem = {
  status: 401,
  code: 'strange-token',
  detail:
    "The request bears a token that is not this pod's: use the one in the service account's folder, or none; the sidecar presents the credential of the target.",
};

/** Said to the agent rather than found while its request is on the way. */
function withoutCredential(context: SessionContext): Problem | undefined {
  try {
    context.credential();
    return undefined;
  } catch (error) {
    context.log('credential not readable', { reason: (error as Error).message });
    return { status: 503, code: 'no-credential', detail: 'The credential of this target cannot be read; the log of the sidecar says why.' };
  }
}
