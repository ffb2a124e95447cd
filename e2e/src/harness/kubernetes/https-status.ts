/** What an HTTPS server answers, as a status alone. */
import { request } from 'node:https';

export function httpsStatus(url: string, path: string, tls: { ca: string; cert: string; key: string }): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(url + path, { ...tls, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    sent.once('error', reject).end();
  });
}
