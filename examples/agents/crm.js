// An internal service with a token of its own, as companies have many: no agent, and it knows nothing of agents.
import { createServer } from 'node:http';

const CONTACTS = [
  { id: 1, name: 'Ada Byron', email: 'ada@customers.example', phone: '+44 20 7946 0101', tier: 'gold' },
  { id: 2, name: 'Carl Linnaeus', email: 'carl@customers.example', phone: '+46 8 5555 0102', tier: 'basic' },
  { id: 3, name: 'Emmy Noether', email: 'emmy@customers.example', phone: '+49 30 5555 0103', tier: 'silver' },
  { id: 4, name: 'Ibn Battuta', email: 'battuta@customers.example', phone: '+212 5 5555 0104', tier: 'basic' },
];

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://crm');
  const send = (status, body) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  if (pathname === '/healthz') return send(200, { ok: true });
  if (pathname !== '/contacts') return send(404, { error: `the CRM does not know ${pathname}` });
  if (request.headers.authorization !== `Bearer ${process.env.TOKEN}`) return send(401, { error: 'the CRM wants its token' });
  const wanted = searchParams.get('ids')?.split(',') ?? [];
  return send(200, { contacts: CONTACTS.filter(({ id }) => wanted.includes(String(id))) });
});
server.listen(Number(process.env.PORT ?? 8080), process.env.HOST);
process.once('SIGTERM', () => process.exit(0));
