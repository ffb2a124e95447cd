/** Two gateways behind a front, real servers behind them, and sidecars that may hand over alone. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startPostgres, type PostgresPart } from '@cairn/cli';
import { GATEWAY, startControlPlane, type ControlPlane, type ControlPlaneOptions } from '../harness/control-plane.js';
import { startFront, startGateway, type Front, type Gateway, type GatewayOptions } from '../harness/gateway.js';
import { startSidecar, type Sidecar, type SidecarOptions } from '../harness/sidecar.js';

export const ROLE = 'agent_role';
export const PASSWORD = 'of the gateway';
export const BEARER = 'of the gateway, too';

export const POLICY = `
apiVersion: cairn.dev/v1alpha1
kind: AuditPolicy
metadata: {name: strict, namespace: research}
spec:
  selector: {}
  egress: Gateway
  identity: {required: true, providers: [], maxDepth: 5, onAmbiguous: Deny}
  targets:
  - {name: web, protocol: http, hosts: [web.internal], port: 80, credential: {bearerSecret: {name: web, key: token}}}
  - {name: other, protocol: http, hosts: [other.internal], port: 80}
  - {name: orders, protocol: postgres, hosts: [orders.internal], port: 5432, credential: {secret: orders}, tls: {mode: Disable}}
  rules:
  - {name: no-drop, match: {targets: [orders], verbs: [DROP]}, action: Deny, reason: schema changes go through migrations}
  default: {action: Allow, level: RequestResponse}
  undeclared: Deny
`;

export interface Stand {
  plane: ControlPlane;
  database: PostgresPart;
  web: { address: string; asked: { url: string; headers: IncomingHttpHeaders }[] };
  gateways: Gateway[];
  front: Front;
  gateway(name: string, more?: Partial<GatewayOptions>): Promise<Gateway>;
  sidecar(agent: string, more?: Partial<SidecarOptions>): Promise<Sidecar>;
  stop(): Promise<void>;
}

/** `count` gateways. */
export async function startStand(count: number, policy = POLICY, options: ControlPlaneOptions = {}): Promise<Stand> {
  const database = await startPostgres({ users: { [ROLE]: PASSWORD } });
  const plane = await startControlPlane(policy, options);
  const asked: Stand['web']['asked'] = [];
  const server: Server = createServer((request, response) => {
    asked.push({ url: request.url!, headers: request.headers });
    request.resume().on('end', () => response.end(`done ${request.url}`));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const resolve = { 'web.internal:80': address, 'other.internal:80': address, 'orders.internal:5432': `127.0.0.1:${database.port}` };
  const credentials = { 'research/web': { token: BEARER }, 'research/orders': { username: ROLE, password: PASSWORD } };
  const gateways: Gateway[] = [];
  const gateway = (name: string, more: Partial<GatewayOptions> = {}): Promise<Gateway> =>
    startGateway({ plane, name, resolve, credentials, ...more });
  for (let index = 0; index < count; index++) gateways.push(await gateway(`cairn-gateway-${index}`));
  const front = await startFront(() => gateways.map(({ port }) => port));
  return {
    plane,
    database,
    web: { address, asked },
    gateways,
    front,
    gateway,
    sidecar: (agent, more = {}) =>
      startSidecar({
        plane,
        agent,
        targets: ['orders'],
        // No target's address and no credential: this sidecar reaches the gateway alone.
        resolve: { [`${GATEWAY.host}:${GATEWAY.port}`]: `127.0.0.1:${front.port}` },
        ...more,
      }),
    async stop() {
      front.close();
      for (const each of gateways) await each.stop();
      server.closeAllConnections();
      server.close();
      await plane.stop();
      await database.stop();
    },
  };
}
