/** The least that a webhook can be: reads a review and allows it. Arguments: certificate file, key file. Prints its URL. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';

const [certFile, keyFile] = process.argv.slice(2);
const server = createServer({ cert: readFileSync(certFile!), key: readFileSync(keyFile!) }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const {
      apiVersion,
      kind,
      request: asked,
    } = JSON.parse(Buffer.concat(chunks).toString()) as { apiVersion: string; kind: string; request: { uid: string } };
    const body = JSON.stringify({ apiVersion, kind, response: { uid: asked.uid, allowed: true } });
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body);
  });
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`https://127.0.0.1:${(server.address() as AddressInfo).port}\n`));
