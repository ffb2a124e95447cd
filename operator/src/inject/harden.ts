/** What injection changes in agents' own containers: no capability, no new privileges. */
import type { Container } from './kubernetes.js';

export function hardened<T extends Pick<Container, 'securityContext'>>(container: T): T {
  const context = container.securityContext ?? {};
  const seccompProfile = context.seccompProfile ?? { type: 'RuntimeDefault' };
  return {
    ...container,
    securityContext: { ...context, allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, seccompProfile },
  };
}
