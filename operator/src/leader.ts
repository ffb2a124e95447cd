/** Controllers: one replica runs them, and stops the moment its Lease is lost. */
import type { OperatorContext } from './context.js';
import { approvals } from './controllers/approvals/index.js';
import { certificates } from './controllers/certificates/index.js';
import { drift } from './controllers/drift/index.js';
import { launches } from './controllers/launches/index.js';
import { signingKeys } from './controllers/signing-keys/index.js';
import { streams } from './controllers/streams/index.js';
import type { LeaderController, Leading } from './controllers/leading.js';
import { networks } from './controllers/networks/index.js';
import { policies } from './controllers/policies/index.js';
import { providers } from './controllers/providers/index.js';
import { createController } from './kubernetes/index.js';

/** Each controller of the leader: one line. */
const CONTROLLERS: readonly ((leading: Leading) => LeaderController)[] = [
  policies,
  providers,
  networks,
  certificates,
  approvals,
  streams,
  launches,
  signingKeys,
  drift,
];

async function run({ context, client }: Leading, signal: AbortSignal): Promise<void> {
  const { log, metrics } = context;
  const running = CONTROLLERS.map(async (create) => {
    const each = create({ context, client });
    const controller = createController({ ...each, log, observe: (outcome) => metrics.observeReconcile(outcome) });
    metrics.watchQueue(each.name, controller.queue);
    const stop = each.feed(controller.queue);
    await controller.run(signal);
    stop();
  });
  await Promise.all(running);
}

/** Runs for the leadership, and as the leader, until it is stopped; then the Lease is given back. */
export async function lead(context: OperatorContext): Promise<() => Promise<void>> {
  const stopping = new AbortController();
  const running = context.elector.run(stopping.signal, (leadership) =>
    run({ context, client: context.client.within(leadership) }, leadership.signal),
  );
  return async () => {
    stopping.abort();
    await running;
  };
}
