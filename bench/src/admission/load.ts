/** AdmissionReviews at a fixed rate, whether or not answers come, over kept HTTPS connections as the API server keeps them. */
import { Agent, request } from 'node:https';
import { quantile } from '../report/row.js';
import type { Latency } from '../measure/latency.js';

const CONNECTIONS = 32;

export interface ReviewLoad {
  /** Seconds that it took, and answers. */
  seconds: number;
  count: number;
  latency: Latency;
}

function ask(url: string, body: Buffer, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const sent = request(url, { method: 'POST', agent, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        const { response } = JSON.parse(Buffer.concat(chunks).toString()) as {
          response?: { allowed: boolean; status?: { message: string } };
        };
        if (response?.allowed) resolve();
        else reject(new Error(response?.status?.message ?? `${url} answered ${answer.statusCode}`));
      });
    });
    sent.once('error', reject).end(body);
  });
}

/** `ca`: PEM. `review` gives the body of the nth request. Rejects when one is not allowed. */
export async function reviewsAt(
  url: string,
  ca: string,
  rate: number,
  seconds: number,
  review: (index: number) => Buffer,
): Promise<ReviewLoad> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, ca });
  const total = rate * seconds;
  const latencies: number[] = [];
  const begun = performance.now();
  const one = async (index: number): Promise<void> => {
    // A timer that fires late is the generator's fault, not the webhook's.
    const due = performance.now();
    await ask(url, review(index), agent);
    latencies.push(performance.now() - due);
  };
  const asked: Promise<void>[] = [];
  await new Promise<void>((resolve) => {
    const tick = (): void => {
      const due = Math.min(total, Math.floor(((performance.now() - begun) / 1000) * rate) + 1);
      while (asked.length < due) asked.push(one(asked.length));
      if (asked.length < total) setTimeout(tick, 1);
      else resolve();
    };
    tick();
  });
  await Promise.all(asked);
  agent.destroy();
  // The first tenth opens connections.
  const counted = latencies.slice(total / 10);
  return {
    seconds: (performance.now() - begun) / 1000,
    count: total,
    latency: { p50: quantile(counted, 0.5)!, p99: quantile(counted, 0.99)! },
  };
}
