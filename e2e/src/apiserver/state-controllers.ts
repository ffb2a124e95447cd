/** Runs one of the leader's controllers for a test, as the leader does. */
import type { TestContext } from 'node:test';
import { kubernetes, type streamsController } from '@cairn/operator';

export function runController(t: TestContext, each: ReturnType<typeof streamsController>): void {
  const ending = new AbortController();
  const controller = kubernetes.createController(each);
  const stop = each.feed(controller.queue);
  const running = controller.run(ending.signal);
  t.after(async () => {
    stop();
    ending.abort();
    await running;
  });
}

/** A reflector that runs for the test, once it is as full as the server. */
export async function following<T extends kubernetes.ApiObject>(
  t: TestContext,
  reflector: kubernetes.Reflector<T>,
): Promise<kubernetes.Reflector<T>> {
  reflector.start();
  t.after(() => reflector.stop());
  await reflector.whenSynced();
  return reflector;
}
