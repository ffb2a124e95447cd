/** A TCP way to a server that a test can cut, and freeze: open connections then stay open and carry nothing. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import type { Scope } from '../harness/kubernetes/index.js';

export interface Cable {
  /** The server's URL with the address of this end. */
  url: string;
  /** Resets what is open and refuses what comes. */
  cut(): void;
  mend(): void;
  /** What is open now carries nothing any more, without a word; what comes later is fine. */
  freeze(): void;
}

export async function startCable(scope: Scope, url: string): Promise<Cable> {
  const { hostname, port } = new URL(url);
  const open = new Set<Socket>();
  let whole = true;
  const server = createServer((near) => {
    if (!whole) return void near.resetAndDestroy();
    const far = connect(Number(port), hostname);
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        open.delete(socket);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    whole = false;
    for (const socket of open) socket.resetAndDestroy();
  };
  scope.after(async () => {
    cut();
    server.close();
  });
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    mend: () => void (whole = true),
    freeze: () => {
      for (const socket of open) {
        socket.unpipe();
        socket.pause();
      }
    },
  };
}
