/** An internal HTTP service with a token of its own, as companies have many: it knows nothing of agents or of Cairn. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';

export interface CrmPart {
  readonly port: number;
  stop(): Promise<void>;
}

const CONTACTS = [
  { id: 1, name: 'Ada Byron', email: 'ada@customers.example', phone: '+44 20 7946 0101', tier: 'gold' },
  { id: 2, name: 'Carl Linnaeus', email: 'carl@customers.example', phone: '+46 8 5555 0102', tier: 'basic' },
  { id: 3, name: 'Emmy Noether', email: 'emmy@customers.example', phone: '+49 30 5555 0103', tier: 'silver' },
  { id: 4, name: 'Ibn Battuta', email: 'battuta@customers.example', phone: '+212 5 5555 0104', tier: 'basic' },
];

export async function startCrm(token: string, host: string): Promise<CrmPart> {
  const app = express();
  app.disable('x-powered-by').get('/contacts', (request, response) => {
    if (request.headers.authorization !== `Bearer ${token}`) {
      response.status(401).json({ error: 'the CRM wants its token' });
      return;
    }
    const { ids } = request.query;
    const wanted = typeof ids === 'string' ? ids.split(',') : [];
    response.json({ contacts: CONTACTS.filter(({ id }) => wanted.includes(String(id))) });
  });
  const server = app.listen(0, host);
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { port: (server.address() as AddressInfo).port, stop };
}
