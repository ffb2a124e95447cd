/** Parts that every status shares: conditions as in metav1.Condition, and the generation they speak of. */
import { object, text, whole, type Schema } from './structural.js';

/** An RFC 3339 time. */
export function time(description: string): Schema {
  return { type: 'string', format: 'date-time', description };
}

const condition = object(
  'One observation.',
  {
    type: text('What is observed, for example Ready.', { maxLength: 316, pattern: '^[A-Za-z][-A-Za-z0-9_.]*$' }),
    status: { type: 'string', description: 'Whether it holds.', enum: ['True', 'False', 'Unknown'] },
    observedGeneration: whole('Generation of the object that was observed.', 0, Number.MAX_SAFE_INTEGER),
    lastTransitionTime: time('When the status last changed.'),
    reason: text('A word for programs.', { maxLength: 1024, pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$' }),
    message: { type: 'string', description: 'A sentence for people.', maxLength: 32_768 },
  },
  { required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'] },
);

/** A status of those parts and its own. */
export function status(properties: Record<string, Schema> = {}): Schema {
  return object('What the operator observed.', {
    observedGeneration: whole('Generation of the object that was observed.', 0, Number.MAX_SAFE_INTEGER),
    conditions: {
      type: 'array',
      description: 'Observations, one a type.',
      items: condition,
      maxItems: 16,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
    },
    ...properties,
  });
}
