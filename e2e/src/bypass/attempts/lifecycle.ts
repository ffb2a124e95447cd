/** The moments when the sidecar is not there: before it is ready, while it is down, after its end. Events of the suite, not of one exec. */
import type { Attempt } from '../attempt.js';

const get = (marker: string): string => `GET /${marker} HTTP/1.1\r\nHost: outside\r\nConnection: close\r\n\r\n`;

function moment(id: string, title: string): Attempt {
  return {
    id,
    title,
    family: 'lifecycle',
    layer: 'L1 capture',
    probe: ({ upstream }, marker) => ({ kind: 'tcp', host: upstream.v4, port: 8080, payload: get(marker) }),
    reached: { kind: 'server', server: 'upstream' },
  };
}

/** What the agent's clients present to the sidecar as the API server's: worth nothing but where it was given out. */
const tokenElsewhere: Attempt = {
  id: 'token-elsewhere',
  title: "the token in the agent's container, presented to the API server from outside of its pod",
  family: 'credentials',
  layer: 'L1 sidecar',
  probe: () => ({ kind: 'command', argv: ['curl'] }),
  reached: { kind: 'output', pattern: /"kind": ?"ServiceAccount"/ },
};

export const MOMENTS = {
  tokenElsewhere,
  before: moment('before-ready', "in an agent's first instruction, before anything is ready"),
  crashed: moment('crashed', 'while the sidecar is down after a crash'),
  outlived: moment('outlived', "in the time that is left after the pod's end began"),
} as const;

export const lifecycle: readonly Attempt[] = Object.values(MOMENTS);
