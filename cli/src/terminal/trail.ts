/** The trail of a chain, from the person to the last row, drawn as a tree. */
import type { Principal } from '@cairn/identity';
import type { Ledger, TrailExchange, TrailLaunch } from '@cairn/ledger';
import { exchangeText } from './exchange.js';
import { printable, styleFor, type Style } from './style.js';
import { treeLines, type TextTree } from './tree.js';

export interface TrailOptions {
  /** Chain or launch; the newest chain where it is left out. */
  id?: string | undefined;
  /** Default: whether standard output is a terminal. */
  colour?: boolean | undefined;
  /** Characters of a statement that are shown. Default: what a terminal has room for, else 400. */
  width?: number | undefined;
}

const PLAIN_WIDTH = 400;
/** Columns that branches and details take from a terminal's line. */
const DETAIL_COLUMNS = 40;
const LEAST_WIDTH = 60;

/** Text without a final newline. Throws LedgerError where there is no such chain. */
export function renderTrail(ledger: Ledger, options: TrailOptions = {}): string {
  const trail = ledger.tree(options.id);
  const style = styleFor(process.stdout, options.colour);
  const columns = process.stdout.isTTY ? Math.max(process.stdout.columns - DETAIL_COLUMNS, LEAST_WIDTH) : PLAIN_WIDTH;
  const drawing = { style, width: options.width ?? columns };
  const trees = byPerson(trail.launches).map(([root, launches]) => ({
    text: personText(root, style),
    children: launches.map((launch) => launchTree(launch, drawing)),
  }));
  const gaps = trail.others
    .filter(({ gap }) => gap)
    .map(({ gap }) => style.red(`${gap!.count} events are missing: ${printable(gap!.reason)}`));
  return [`${style.dim('chain')} ${trail.chain}`, ...trees.flatMap(treeLines), ...gaps].join('\n');
}

interface Drawing {
  style: Style;
  width: number;
}

function byPerson(launches: readonly TrailLaunch[]): [Principal | undefined, TrailLaunch[]][] {
  const people = new Map<string, [Principal | undefined, TrailLaunch[]]>();
  for (const launch of launches) {
    const key = JSON.stringify(launch.root ?? null);
    const person = people.get(key) ?? [launch.root, []];
    person[1].push(launch);
    people.set(key, person);
  }
  return [...people.values()];
}

function personText(root: Principal | undefined, style: Style): string {
  if (!root) return style.yellow('nobody proved who started this');
  const groups = root.groups.length > 0 ? ` (${root.groups.map(printable).join(', ')})` : '';
  return `${style.bold(style.magenta(printable(root.name || root.sub)))}${groups}${style.dim(` · ${root.authn} · ${printable(root.iss)}`)}`;
}

function launchTree(node: TrailLaunch, drawing: Drawing): TextTree {
  const { style } = drawing;
  const path = node.launch.path.length > 0 ? node.launch.path : [`${node.agent.namespace}/${node.agent.name}`];
  const name = printable(path.at(-1)!);
  const text = `${style.bold(style.blue(name))}${style.dim(` · depth ${node.launch.depth} · launch ${node.launch.id}`)}`;
  const exchanges = [...node.inbound, ...node.outbound].map((exchange) => exchangeTree(exchange, drawing));
  return { text, children: [...exchanges, ...node.launches.map((child) => launchTree(child, drawing))] };
}

function exchangeTree(exchange: TrailExchange, drawing: Drawing): TextTree {
  return {
    text: exchangeText(exchange, drawing.style, drawing.width),
    children: exchange.launches.map((launch) => launchTree(launch, drawing)),
  };
}
