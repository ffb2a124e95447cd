/** A reverse proxy as most Node programs write it: http-proxy with keep-alive. Arguments: listening port, upstream port. */
import { Agent } from 'node:http';
import httpProxy from 'http-proxy';

const [port, upstream] = process.argv.slice(2).map(Number);
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
httpProxy.createProxyServer({ target: `http://127.0.0.1:${upstream}`, agent }).listen(port!, '127.0.0.1');
