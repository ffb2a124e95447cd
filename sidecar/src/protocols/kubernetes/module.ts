/** The Kubernetes API over HTTP/1.1. */
import { HttpSession } from '../http/session.js';
import type { ProtocolModule } from '../protocol.js';
import { kubernetesApi } from './dialect.js';

export const kubernetesProtocol: ProtocolModule = {
  protocol: 'kubernetes',
  open: (context) => new HttpSession({ ...context, dialect: kubernetesApi }),
};
