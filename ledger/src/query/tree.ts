/** A chain as a tree: who called whom and what each did, joined by causes and by parents. Pure. */
import type { AuditEvent } from '@cairn/audit';
import type { Launch, Principal } from '@cairn/identity';
import type { StoredEvent } from './query.js';

/** One request and what became of it. */
export interface TrailExchange {
  intent?: AuditEvent;
  decision?: AuditEvent;
  complete?: AuditEvent;
  /** Launches that this call set in motion. */
  launches: TrailLaunch[];
}

export interface TrailLaunch {
  launch: Launch;
  root: Principal | undefined;
  /** The agent whose sidecar recorded. */
  agent: AuditEvent['agent'];
  /** Requests that the agent served. */
  inbound: TrailExchange[];
  /** What the agent did, in causal order. */
  outbound: TrailExchange[];
  /** Launches below this one whose call is not known. */
  launches: TrailLaunch[];
}

export interface Trail {
  chain: string;
  /** Launches that nothing in the trail set in motion: of a whole chain, its first. */
  launches: TrailLaunch[];
  /** Events that belong to no exchange, as gaps. */
  others: AuditEvent[];
  events: number;
}

/** `events` in causal order, at least one. */
export function buildTrail(events: readonly StoredEvent[]): Trail {
  const exchanges = new Map<string, TrailExchange>();
  const launches = new Map<string, TrailLaunch>();
  const others: AuditEvent[] = [];
  for (const { event } of events) {
    if (event.launch && isExchange(event)) addToExchange(event, launchOf(launches, event, event.launch), exchanges);
    else others.push(event);
  }
  const calls = callsByIntent(exchanges);
  const roots = [...launches.values()].filter((launch) => !attach(launch, launches, calls));
  return { chain: events[0]?.event.launch?.chain ?? '', launches: roots, others, events: events.length };
}

function isExchange({ stage }: AuditEvent): boolean {
  return stage === 'intent' || stage === 'decision' || stage === 'complete';
}

function launchOf(launches: Map<string, TrailLaunch>, event: AuditEvent, launch: Launch): TrailLaunch {
  let node = launches.get(launch.id);
  if (!node) {
    node = { launch, root: event.root, agent: event.agent, inbound: [], outbound: [], launches: [] };
    launches.set(launch.id, node);
  }
  return node;
}

/** The intent is an exchange's first event; decision and complete name it as their cause. */
function addToExchange(event: AuditEvent, launch: TrailLaunch, exchanges: Map<string, TrailExchange>): void {
  const intent = event.stage === 'intent' ? event.id : (event.cause ?? event.id);
  let exchange = exchanges.get(intent);
  if (!exchange) {
    exchange = { launches: [] };
    exchanges.set(intent, exchange);
    (event.session?.direction === 'inbound' ? launch.inbound : launch.outbound).push(exchange);
  }
  exchange[event.stage as 'intent' | 'decision' | 'complete'] = event;
}

function callsByIntent(exchanges: Map<string, TrailExchange>): Map<string, { exchange: TrailExchange; launch: string }> {
  const calls = new Map<string, { exchange: TrailExchange; launch: string }>();
  for (const [id, exchange] of exchanges) {
    const event = exchange.intent ?? exchange.complete ?? exchange.decision;
    calls.set(id, { exchange, launch: event?.launch?.id ?? '' });
  }
  return calls;
}

/** Hangs a launch below the call that it answers, else below its parent; false where neither is here. */
function attach(node: TrailLaunch, launches: Map<string, TrailLaunch>, calls: ReturnType<typeof callsByIntent>): boolean {
  for (const { intent } of [...node.inbound, ...node.outbound]) {
    const call = intent?.cause === undefined ? undefined : calls.get(intent.cause);
    if (call && call.launch !== node.launch.id && call.launch === (node.launch.parent ?? call.launch)) {
      call.exchange.launches.push(node);
      return true;
    }
  }
  const parent = node.launch.parent === undefined ? undefined : launches.get(node.launch.parent);
  if (!parent || parent === node) return false;
  parent.launches.push(node);
  return true;
}
