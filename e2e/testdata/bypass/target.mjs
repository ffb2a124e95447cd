/**
 * A server that remembers who reached it: a JSON line on stdout for everything that bears a marker. TCP and TLS answer any bytes
 * as HTTP would, UDP echoes, port 53 answers every question. Arguments: name, and ports as tcp=8080 tls=8443 udp=9999 dns=53.
 */
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

const MARKER = /bypass-[a-z0-9-]+/;
const [server, ...listeners] = process.argv.slice(2);

function heard(via, from, text, more = {}) {
  const marker = MARKER.exec(text)?.[0];
  if (marker) process.stdout.write(`${JSON.stringify({ server, marker, via, from, text: text.slice(0, 1000), ...more })}\n`);
  return marker;
}

function answer(socket, via) {
  socket.on('error', () => socket.destroy());
  socket.once('data', (data) => {
    const text = data.toString('latin1');
    const marker = heard(via, socket.remoteAddress, text, socket.servername ? { sni: socket.servername } : {});
    const body = `reached ${server} ${marker}`;
    const switches = /^upgrade:/im.test(text);
    const head = switches ? 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n' : '';
    const whole = `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`;
    if (switches) socket.write(head + body);
    else socket.end(whole);
    socket.on('data', (more) => heard(`${via} tunnel`, socket.remoteAddress, more.toString('latin1')));
  });
}

/** The question's name in text, its bytes being labels (RFC 1035 3.1). */
function nameOf(query) {
  const labels = [];
  for (let at = 12; query[at]; at += query[at] + 1) labels.push(query.toString('latin1', at + 1, at + 1 + query[at]));
  return labels.join('.');
}

function resolve(socket, query, peer) {
  heard('dns', peer.address, nameOf(query));
  const head = Buffer.from([query[0], query[1], 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 203, 0, 113, 1]);
  socket.send(Buffer.concat([head, query.subarray(12), record]), peer.port, peer.address);
}

function udp(port, take) {
  const socket = createSocket('udp6');
  socket.on('message', (message, peer) => take(socket, message, peer));
  socket.bind(port, '::');
}

for (const listener of listeners) {
  const [kind, port] = listener.split('=');
  if (kind === 'tcp') createServer((socket) => answer(socket, 'tcp')).listen(Number(port), '::');
  else if (kind === 'tls') {
    const files = { cert: readFileSync('/tls/tls.crt'), key: readFileSync('/tls/tls.key') };
    createTlsServer(files, (socket) => answer(socket, 'tls')).listen(Number(port), '::').on('tlsClientError', () => undefined);
  } else if (kind === 'dns') udp(Number(port), resolve);
  else {
    udp(Number(port), (socket, message, peer) => {
      heard('udp', peer.address, message.toString('latin1'));
      socket.send(message, peer.port, peer.address);
    });
  }
}
process.on('SIGTERM', () => process.exit(0));
