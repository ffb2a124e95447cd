/** HTTP/1.1 over TCP or TLS. */
import type { ProtocolModule } from '../protocol.js';
import { plainHttp } from './plain.js';
import { HttpSession } from './session.js';

export const httpProtocol: ProtocolModule = {
  protocol: 'http',
  open: (context) => new HttpSession({ ...context, dialect: plainHttp }),
};
