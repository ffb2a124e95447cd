/** A verification's report in words: integrity and coverage apart. */
import { openQuestions, type ExportReport, type Finding, type Report, type StreamCoverage } from '@cairn/audit';
import { count, printable, type Style } from './style.js';

/** Findings and streams that are shown; --json gives all of the report. */
const SHOWN_FINDINGS = 50;
const SHOWN_STREAMS = 20;

/** With a final newline. */
export function reportText(report: Report | ExportReport, style: Style): string {
  const lines = [...integrityLines(report, style), ...coverageLines(report, style)];
  if ('trust' in report && report.trust === 'export') {
    lines.push(style.yellow('certificates were checked with the keys in the file itself; --trust says whose you accept'));
  }
  return `${lines.join('\n')}\n`;
}

function integrityLines({ integrity, coverage, events }: Report, style: Style): string[] {
  const extent = `${count(events, 'event')} in ${count(coverage.streams.length, 'stream')}`;
  if (integrity.held) return [`${style.bold('integrity')}  ${style.green('held')}: ${extent} are as they were written`];
  const findings = integrity.findings.length + integrity.more;
  const shown = integrity.findings.slice(0, SHOWN_FINDINGS);
  const left = findings - shown.length;
  return [
    `${style.bold('integrity')}  ${style.red('DID NOT HOLD')}: ${count(findings, 'finding')} in ${extent}`,
    ...shown.map((finding) => `  ${findingText(finding, style)}`),
    ...(left > 0 ? [`  and ${left} more`] : []),
  ];
}

function findingText(finding: Finding, style: Style): string {
  const { kind, stream, seq, event, where } = finding;
  const place = [
    event === undefined ? '' : `event ${event}`,
    stream === undefined ? '' : `stream ${stream}`,
    seq === undefined ? '' : `seq ${seq}`,
    where === undefined ? '' : typeof where === 'number' ? `line ${where}` : where,
  ].filter((part) => part !== '');
  return `${style.red(kind.padEnd(9))} ${printable(place.join(', '))}\n            ${printable(finding.sentence)}`;
}

function coverageLines({ coverage }: Report, style: Style): string[] {
  const verdict = coverage.complete ? style.green('complete') : style.yellow('open questions');
  const open = coverage.streams.filter((stream) => openQuestions(stream).length > 0);
  const shown = (coverage.complete ? coverage.streams : open).slice(0, SHOWN_STREAMS);
  const left = (coverage.complete ? coverage.streams : open).length - shown.length;
  const lines = [
    `${style.bold('coverage')}   ${verdict}: every stream from its first event, as far as its own checkpoints and witnesses go`,
  ];
  for (const stream of shown)
    lines.push(`  ${streamText(stream)}`, ...openQuestions(stream).map((question) => `    ${style.yellow(question)}`));
  return left > 0 ? [...lines, `  and ${left} more`] : lines;
}

function streamText(stream: StreamCoverage): string {
  const witnessed = stream.witnessed === undefined ? 'not witnessed' : `witnessed up to ${stream.witnessed}`;
  const payloads = stream.payloads === 'not-checked' ? '' : `, ${count(stream.payloads.sealed, 'payload record')}`;
  const agent = stream.agent === undefined ? '' : ` of ${printable(stream.agent)}`;
  return `${stream.stream}${agent}: ${count(stream.events, 'event')}, signed up to ${stream.signedUpTo}, ${witnessed}${payloads}`;
}
