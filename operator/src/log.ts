/** One JSON line an occurrence, on stderr. Fields never hold secrets, tokens or bodies. */
import { LOG_LEVELS, type LogLevel } from './config/index.js';

export interface LogLine {
  level: LogLevel;
  message: string;
  [field: string]: unknown;
}

export type Log = (line: LogLine) => void;

export function createLog(least: LogLevel, write: (line: string) => void, now: () => Date = () => new Date()): Log {
  const threshold = LOG_LEVELS.indexOf(least);
  return (line) => {
    if (LOG_LEVELS.indexOf(line.level) >= threshold) write(`${JSON.stringify({ time: now().toISOString(), ...line })}\n`);
  };
}
