/** One JSON line an occurrence, on stderr. Fields never hold secrets or bodies. */
import { LOG_LEVELS, type LogLevel } from './config.js';

export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

export function createLog(level: LogLevel, write: (line: string) => void, now: () => Date = () => new Date()): Log {
  const threshold = LOG_LEVELS.indexOf(level);
  const at = (each: LogLevel) => (message: string, fields?: Record<string, unknown>) => {
    if (LOG_LEVELS.indexOf(each) < threshold) return;
    write(`${JSON.stringify({ time: now().toISOString(), level: each, message, ...fields })}\n`);
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}
