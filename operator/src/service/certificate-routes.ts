import { createPublicKey } from 'node:crypto';
import { podUri } from '@cairn/identity';
import express, { Router } from 'express';
import type { ServiceContext } from './context.js';
import { callingAgent, type AgentCaller } from './http/authenticate.js';
import { fieldsOf, textField } from './http/fields.js';
import { Problem } from './http/problem.js';
import { BODY_BYTES } from './limits.js';
import type { CertificateUse, GatewayOptions } from './options.js';

/** Characters of a P-256 SubjectPublicKeyInfo in base64, with room to spare. */
const KEY_CHARACTERS = 256;

/** SPKI, DER. Who asks proves to hold the private key in every handshake; the certificate says nothing that they could choose. */
function readKey(value: string): Buffer {
  const key = Buffer.from(value, 'base64');
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey({ key, format: 'der', type: 'spki' });
    if (asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
  } catch {
    // Said below.
  }
  throw new Problem(400, 'malformed', 'publicKey must be a P-256 SubjectPublicKeyInfo in DER and base64');
}

function useOf({ workload, agent, gateway }: AgentCaller, { names }: GatewayOptions): CertificateUse {
  if (gateway) return { server: names };
  const { pod, node } = workload;
  if (agent.policy === undefined) throw new Problem(404, 'no-policy', `no AuditPolicy applies to ${agent.namespace}/${agent.name}`);
  return { client: podUri({ pod, agent: agent.name, policy: agent.policy, ...(node ? { node } : {}) }) };
}

/** POST /v1/certificates: the calling pod's certificate for the way to the gateway, bound to its UID, agent and policy. */
export function certificateRoutes(context: ServiceContext): Router {
  const router = Router();
  router.post('/v1/certificates', express.json({ limit: BODY_BYTES }), async (request, response) => {
    const caller = await callingAgent(context, request, response);
    const { gateway } = context.options;
    if (!gateway) throw new Problem(404, 'no-gateway', 'no gateway is installed; set gateway.enabled of the chart');
    const publicKey = readKey(textField(fieldsOf(request.body), 'publicKey', KEY_CHARACTERS));
    const { certificate, expires } = await gateway.certificates.issue(publicKey, useOf(caller, gateway));
    response.status(201).json({ certificate, ca: gateway.certificates.bundle(), expires: expires.toISOString() });
  });
  return router;
}
