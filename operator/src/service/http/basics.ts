import type { RequestHandler } from 'express';

/** One line an occurrence; never a token, a body or a query string. */
export interface LogEntry {
  level: 'info' | 'warn' | 'error';
  message: string;
  [field: string]: string | number | undefined;
}
export type Log = (entry: LogEntry) => void;

/** No answer is a page: nothing may be sniffed, framed, run or kept. */
export const securityHeaders: RequestHandler = (request, response, next) => {
  response.set({
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-store',
  });
  if (request.secure) response.set('Strict-Transport-Security', 'max-age=31536000');
  next();
};

export function requestLog(log: Log): RequestHandler {
  return (request, response, next) => {
    const start = performance.now();
    response.on('close', () => {
      const milliseconds = Math.round(performance.now() - start);
      const level = response.statusCode >= 500 ? 'error' : response.statusCode >= 400 ? 'warn' : 'info';
      const agent = response.locals['agent'] as string | undefined;
      log({
        level,
        message: 'request',
        method: request.method,
        path: request.path,
        status: response.statusCode,
        milliseconds,
        ...(agent ? { agent } : {}),
      });
    });
    next();
  };
}
