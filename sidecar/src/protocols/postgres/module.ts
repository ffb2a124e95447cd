/** PostgreSQL, protocol 3.0 and 3.2. Loading this module loads the SQL parser: only done where a target needs it. */
import type { Target } from '@cairn/crds';
import type { ProtocolModule } from '../protocol.js';
import { CancelKeys } from './cancel.js';
import { PostgresSession } from './session.js';
import { SqlClassifier } from './sql/classify.js';
import { loadParser } from './sql/parser.js';

const parser = await loadParser();
const keys = new CancelKeys();
const classifiers = new WeakMap<Target, SqlClassifier>();

/** One cache of classifications a target: its declared functions decide, too. */
function classifierFor(target: Target): SqlClassifier {
  let classifier = classifiers.get(target);
  if (!classifier) classifiers.set(target, (classifier = new SqlClassifier(parser, target.functions.read)));
  return classifier;
}

export const postgresProtocol: ProtocolModule = {
  protocol: 'postgres',
  open: (context) => new PostgresSession(context, classifierFor(context.target), keys),
};
