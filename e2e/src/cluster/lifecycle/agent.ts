/**
 * The agent of these suites, as `node -e` runs it: asks its counterpart for work, over and over, and does what the answer says. Each
 * request names this run of the agent, its number, and how many of the run's requests were answered before it.
 */
export const AGENT = `
const http = require('node:http');
const { randomBytes } = require('node:crypto');
const { BASE, TIMES, HOSTNAME } = process.env;
const run = HOSTNAME + '-' + randomBytes(3).toString('hex');
const agent = new http.Agent({ keepAlive: true });
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
let stopping = false;
process.on('SIGTERM', () => (stopping = true));
const ask = (path, body) => new Promise((resolve) => {
  const failed = () => resolve({ status: 0, text: '' });
  const asked = http.request(BASE + path, { agent, method: body ? 'POST' : 'GET' }, (answer) => {
    let text = '';
    answer.on('data', (chunk) => (text += chunk)).on('end', () => resolve({ status: answer.statusCode, text })).on('error', failed);
  });
  asked.on('error', failed).end(body);
});
const orderIn = (text) => { try { return JSON.parse(text); } catch { return {}; } };
const obey = async ({ eat, rest, path, bytes, until }) => {
  while (rest && !stopping) await pause(100);
  for (const kept = []; eat; await pause(1)) kept.push(Buffer.alloc(1 << 22, 1));
  if (!path) return;
  let status;
  let times = 0;
  do {
    times += 1;
    ({ status } = await ask(path + '/' + run + '/' + times, bytes && randomBytes(bytes)));
  } while (until && status !== until && !stopping);
  console.log(JSON.stringify({ path, status, times }));
};
(async () => {
  let answered = 0;
  for (let number = 1; number <= Number(TIMES) && !stopping; number += 1) {
    const { status, text } = await ask('/tasks/' + run + '/' + number + '/' + answered);
    if (status === 200) {
      answered += 1;
      await obey(orderIn(text));
    }
    await pause(400);
  }
  process.exit(0);
})();
`;
