/** HTTP itself as a dialect: method and path, RFC 9457 problems, chain headers where the target declares them. */
import { maskerFor } from '../../guard/mask.js';
import type { Dialect } from './dialect.js';
import { interpret } from './interpret.js';
import { maskable } from './mask-body.js';
import { answer } from './problem.js';
import { authorizationLine, baggageMembers } from './rewrite.js';
import { Tunnel } from './tunnel.js';

export const plainHttp: Dialect = {
  host: 'checked',
  halfClosed: 'answered',
  reads: () => 0,
  interpret: (head, path) => interpret(head, path),
  amend: () => undefined,
  refusal: () => undefined,
  masker: (verdict) => maskerFor(verdict.mask),
  maskable,
  change({ target, credential }, { route, attribution, masker }, event) {
    const { forward } = target;
    let tags = '';
    if (forward.includes('Txn-Token')) {
      tags = `Cairn-Event: ${event}\r\n`;
      if (attribution.token !== undefined) tags += `Txn-Token: ${attribution.token}\r\n`;
    }
    return {
      path: route.absolute ? route.path : undefined,
      authorization: authorizationLine(credential()),
      tags,
      baggage: forward.includes('Baggage') ? baggageMembers(attribution) : undefined,
      masked: masker !== undefined,
      drops: undefined,
    };
  },
  answer,
  result: () => undefined,
  tunnel: (context, open) => new Tunnel(context, open),
};
