/** PostgreSQL behind a real sidecar: the policy of a test, the server, and both ways in. */
import { startPostgres, type PostgresOptions, type PostgresPart } from '@cairn/cli';
import { startControlPlane, type ControlPlane } from '../harness/control-plane.js';
import { startSidecar, type Sidecar } from '../harness/sidecar.js';

export interface Relay {
  readonly server: PostgresPart;
  readonly plane: ControlPlane;
  readonly sidecar: Sidecar;
  /** Connection URL through the sidecar; the agent knows no password. */
  readonly url: string;
  /** Straight to the server, as the same role. */
  readonly directUrl: string;
  /** Superuser, straight. */
  readonly adminUrl: string;
  stop(): Promise<void>;
}

export const ROLE = 'agent_role';
export const SECRET = "s3cret 'of the sidecar";

export interface RelayOptions {
  postgres?: PostgresOptions;
  /** YAML of the policy's rules, indented by two. */
  rules?: string;
  /** Members of the target in YAML flow style. */
  target?: string;
  initSql?: string;
  /** Secrets beside the default ones, once the server runs. */
  secrets?: (server: PostgresPart) => Promise<Record<string, Record<string, string>>>;
  /** Default: the secret with username and password. */
  credential?: string;
}

export async function startRelay(options: RelayOptions = {}): Promise<Relay> {
  const server = await startPostgres({
    ...options.postgres,
    users: { [ROLE]: SECRET },
    initSql: `grant all on schema public to ${ROLE};${options.initSql ?? ''}`,
  });
  const plane = await startControlPlane(policy(options, server.port));
  const sidecar = await startSidecar({
    plane,
    targets: ['orders'],
    resolve: { [`orders.internal:${server.port}`]: `127.0.0.1:${server.port}` },
    credentials: {
      orders: { username: ROLE, password: SECRET },
      ...(server.ca ? { ca: { crt: server.ca } } : {}),
      ...(await options.secrets?.(server)),
    },
  });
  return {
    server,
    plane,
    sidecar,
    url: `postgres://anybody@127.0.0.1:${sidecar.targetPort('orders')}/postgres`,
    directUrl: server.url(ROLE, SECRET, 'postgres'),
    adminUrl: server.url(server.admin.user, server.admin.password, 'postgres'),
    async stop() {
      await sidecar.stop();
      await plane.stop();
      await server.stop();
    },
  };
}

function policy(options: RelayOptions, port: number): string {
  return `
apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: research, namespace: research}
spec:
  selector: {}
  identity: {required: false, providers: [], onAmbiguous: Record}
  targets:
  - {name: orders, protocol: postgres, hosts: [orders.internal], port: ${port}, credential: ${options.credential ?? '{secret: orders}'}, ${options.target ?? 'tls: {mode: Prefer}'}}
  rules:
${options.rules ?? '    []'}
  default: {action: Allow, level: RequestResponse}
`;
}
