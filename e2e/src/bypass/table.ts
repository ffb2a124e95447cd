/** The table of the threat model: what was tried, what was expected to stop it, and what was seen. Pure. */
import { FAMILIES, isTried, VARIANTS, type Attempt, type Family, type Variant } from './attempt.js';
import type { Outcome } from './outcome.js';

export interface Row {
  attempt: Attempt;
  evidence: string;
  /** Absent: a variant where the attempt means nothing. */
  outcomes: Partial<Record<Variant, Outcome>>;
  /** What the other side, the kernel or the client said. */
  said: Partial<Record<Variant, string>>;
}

const BEGIN = '<!-- The bypass suite (make test-cluster) writes what follows. -->';
const END = '<!-- The end of what the bypass suite writes. -->';

const NAMES: Record<Family, string> = {
  network: 'The network',
  names: 'Names',
  process: 'Processes and the kernel',
  credentials: 'Credentials',
  kubernetes: 'The Kubernetes API',
  tunnels: 'Through the sidecar',
  starvation: 'Starving the sidecar',
  lifecycle: 'Moments without a sidecar',
};

const HEAD = `| attempt | expected to stop it | observed | evidence | without L1 | without L2 | L1 alone | control |
|---|---|---|---|---|---|---|---|`;

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const seen = (outcome: Outcome | undefined): string => (outcome === 'reached' ? '**reached**' : (outcome ?? '-'));

function rowOf({ attempt, evidence, outcomes }: Row): string {
  const others = VARIANTS.slice(1).map((variant) => seen(outcomes[variant]));
  return `| ${[cell(attempt.title), attempt.layer, seen(outcomes.full), cell(evidence), ...others].join(' | ')} |`;
}

export function tableOf(rows: readonly Row[]): string {
  const parts = FAMILIES.map((family) => {
    const own = rows.filter(({ attempt }) => attempt.family === family);
    return `### ${NAMES[family]}\n\n${HEAD}\n${own.map(rowOf).join('\n')}\n`;
  });
  return parts.join('\n');
}

const MAX_SAID_CHARS = 200;

/** A line for every attempt of a variant whose outcome is another. */
export function otherThan(rows: readonly Row[], variant: Variant, expected: (outcome: Outcome, attempt: Attempt) => boolean): string[] {
  const tried = rows.filter(({ attempt }) => isTried(attempt, variant));
  return tried.flatMap(({ attempt, outcomes, said }) => {
    const outcome = outcomes[variant];
    if (outcome !== undefined && expected(outcome, attempt)) return [];
    const words = JSON.stringify((said[variant] ?? '').slice(0, MAX_SAID_CHARS));
    return [`${attempt.id} in ${variant}: ${outcome ?? 'not tried'}; it said ${words}`];
  });
}

/** The page with another table between its markers. Throws where it has none. */
export function withTable(page: string, table: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`the page has no place for the table: it needs the lines ${BEGIN} and ${END}`);
  return `${page.slice(0, begin)}${BEGIN}\n\n${table}\n${page.slice(end)}`;
}

/** Title and expected layer of every row that a page shows, and whether it says that the attempt was stopped. */
export function rowsIn(page: string): { title: string; layer: string; observed: string; control: string }[] {
  const table = page.slice(Math.max(0, page.indexOf(BEGIN)), Math.max(0, page.indexOf(END)));
  const lines = table.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| attempt |'));
  return lines.map((line) => {
    const cells = line.split(/(?<!\\)\|/).map((each) => each.trim().replaceAll('\\|', '|'));
    return { title: cells[1]!, layer: cells[2]!, observed: cells[3]!, control: cells.at(-2)! };
  });
}
