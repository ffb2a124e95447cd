/**
 * Prepared statements, portals and cursors of a session, as the server knows them. What a name stands for decides what an
 * Execute does, so a name whose last change is not answered yet may be used only by the batch that changed it: the server
 * skips that batch as a whole when the change fails. Others wait (`settled`).
 */
import { MAX_CURSORS, MAX_PORTALS, MAX_PREPARED } from './limits.js';
import type { Description } from './execution.js';
import type { AttributionHint } from '../../attribute/attribution.js';
import type { Classified, Statement } from './sql/classified.js';

/** When a name was last changed. */
interface Change {
  /** Number of the message among all that were sent. */
  sequence: number;
  /** Sync-delimited batch. */
  batch: number;
}

export interface Prepared extends Change {
  name: string;
  text: string;
  classified: Classified;
  hint: AttributionHint;
  /** OIDs of the parameters, as far as they are known. */
  types: number[];
  description: Description | undefined;
  /** Batch in which Describe was last sent. */
  described: number | undefined;
  /** Closed, but the server has not said so yet. */
  closed: boolean;
  previous: Prepared | undefined;
}

export interface Portal extends Change {
  name: string;
  prepared: Prepared | undefined;
  /** The Bind message from its parameter formats on. */
  buffer: Buffer;
  from: number;
  end: number;
  description: Description | undefined;
  described: number | undefined;
  /** Result formats that Bind asked for; read with the binds. */
  formats: readonly number[];
  /** Suspended by a row limit: the next Execute continues what was admitted. */
  suspended: boolean;
}

export class SessionNames {
  private readonly statements = new Map<string, Prepared>();
  private readonly portals = new Map<string, Portal>();
  private readonly cursors = new Map<string, Statement>();
  private unnamedStatement: Prepared | undefined;
  private unnamedPortal: Portal | undefined;

  prepared(name: string): Prepared | undefined {
    return name === '' ? this.unnamedStatement : this.statements.get(name);
  }

  portal(name: string): Portal | undefined {
    return name === '' ? this.unnamedPortal : this.portals.get(name);
  }

  get statementsFull(): boolean {
    return this.statements.size >= MAX_PREPARED;
  }

  get portalsFull(): boolean {
    return this.portals.size >= MAX_PORTALS;
  }

  prepare(entry: Prepared): void {
    if (entry.name === '') this.unnamedStatement = entry;
    else this.statements.set(entry.name, entry);
  }

  bind(portal: Portal): void {
    if (portal.name === '') this.unnamedPortal = portal;
    else this.portals.set(portal.name, portal);
  }

  /** A Close or DEALLOCATE was sent; `answered` makes it final, `undo` takes it back. */
  close(name: string, change: Change): Prepared | undefined {
    const previous = this.prepared(name);
    if (!previous) return undefined;
    const closed = { ...previous, ...change, closed: true, previous };
    this.prepare(closed);
    return closed;
  }

  closePortal(name: string): void {
    if (name === '') this.unnamedPortal = undefined;
    else this.portals.delete(name);
  }

  answered(entry: Prepared): void {
    entry.previous = undefined;
    if (entry.closed && this.prepared(entry.name) === entry) this.remove(entry.name);
  }

  /** The server refused or skipped the change. */
  undo(entry: Prepared): void {
    if (this.prepared(entry.name) !== entry) return;
    if (entry.previous) this.prepare(entry.previous);
    else this.remove(entry.name);
  }

  undoBind(portal: Portal): void {
    if (this.portal(portal.name) === portal) this.closePortal(portal.name);
  }

  remove(name: string): void {
    if (name === '') this.unnamedStatement = undefined;
    else this.statements.delete(name);
  }

  removeAll(): void {
    this.statements.clear();
    this.unnamedStatement = undefined;
  }

  /** Portals end with the transaction: those bound before the message of this number. */
  endTransaction(before: number): void {
    if (this.portals.size === 0) return;
    for (const [name, portal] of this.portals) if (portal.sequence < before) this.portals.delete(name);
  }

  declare(name: string, statement: Statement): void {
    if (this.cursors.size < MAX_CURSORS || this.cursors.has(name)) this.cursors.set(name, statement);
  }

  /** The statement that a cursor runs over, as far as it is known. */
  cursor(name: string): Statement | undefined {
    return this.cursors.get(name);
  }
}
