/** The two pieces (see StreamWriter.append) of the events that the writer itself makes. */
import { uuidv7 } from '@cairn/identity';
import { canonicalJson } from '../canonical.js';
import type { AuditEvent } from '../event.js';

type Pieces = readonly [head: string, tail: string];

export class OwnEvents {
  readonly #agent: string;
  readonly #now: () => string;

  constructor(agent: AuditEvent['agent'], now: () => string) {
    this.#agent = canonicalJson(agent);
    this.#now = now;
  }

  open(certificate: string, sealing: { kid: string; enc: string } | undefined): Pieces {
    return this.#pieces('', `"stage":"stream.open","stream":${canonicalJson({ certificate, sealing })}`);
  }

  rotate(certificate: string): Pieces {
    return this.#pieces('', `"stage":"key.rotate","stream":${canonicalJson({ certificate })}`);
  }

  close(reason: string): Pieces {
    return this.#pieces(`"close":${canonicalJson({ reason })},`, '"stage":"stream.close"');
  }

  gap(count: number, reason: string): Pieces {
    return this.#pieces(`"gap":${canonicalJson({ count, reason })},`, '"stage":"gap"');
  }

  seal(record: number, size: number, sha256: string): Pieces {
    return this.#pieces('', `"seal":{"record":${record},"sha256":"${sha256}","size":${size}},"stage":"seal"`);
  }

  #pieces(before: string, after: string): Pieces {
    return [`{"agent":${this.#agent},${before}"id":"${uuidv7()}"`, `${after},"time":"${this.#now()}"}`];
  }
}
