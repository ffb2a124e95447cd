// Tries to connect to HOST PORT, and to more of them, all at once: prints a line each, connected or why not.
import { connect } from 'node:net';

const TIMEOUT_MS = 3000;
const [, , ...pairs] = process.argv;

function tried(host, port) {
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), timeout: TIMEOUT_MS });
    const end = (said) => {
      socket.destroy();
      resolve(said);
    };
    socket.on('connect', () => end('connected')).on('timeout', () => end('timed out')).on('error', ({ code }) => end(`refused ${code}`));
  });
}

const tries = [];
for (let at = 0; at < pairs.length; at += 2) tries.push(tried(pairs[at], pairs[at + 1]));
for (const said of await Promise.all(tries)) console.log(said);
