/** A terminal session (asciicast v3, as the sidecar writes it) for people: one line an event, with the time since the line before. */
import { printable } from './style.js';

const NAMES: Readonly<Record<string, string>> = { i: 'typed', o: 'output', e: 'stderr', r: 'size', x: 'exit' };

/** Lines that are no events (the header, what a truncated record broke off) are left out. */
export function terminalLines(bytes: Buffer): string[] {
  return bytes
    .toString()
    .split('\n')
    .map((line) => eventOf(line))
    .filter((line) => line !== '');
}

function eventOf(line: string): string {
  const event = parsed(line);
  if (!Array.isArray(event)) return '';
  const [interval, code, data] = event as unknown[];
  if (typeof interval !== 'number' || typeof code !== 'string' || typeof data !== 'string') return '';
  const binary = code !== code.toLowerCase();
  const name = NAMES[code.toLowerCase()] ?? code;
  const shown = binary ? `(base64) ${data}` : code === 'r' || code === 'x' ? data : JSON.stringify(data);
  return printable(`+${interval.toFixed(3)} s ${name} ${shown}`);
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}
