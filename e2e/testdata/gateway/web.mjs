// Says who asked, and with what: of a credential its digest alone, since the answer goes to the agent.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';

const digest = (text) => createHash('sha256').update(text).digest('hex');

createServer(({ socket, headers }, response) => {
  const { authorization } = headers;
  response.end(JSON.stringify({ from: socket.remoteAddress.replace('::ffff:', ''), ...(authorization && { presented: digest(authorization) }) }));
}).listen(8080, '::');
