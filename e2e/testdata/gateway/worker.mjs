// An agent that works for ever: a row by psql, a request over HTTP, and so on. Says on its log what was acknowledged, by which replica
// its session goes (the address that the database sees), and what broke.
import { spawn } from 'node:child_process';
import { request } from 'node:http';
import { hostname } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

const PAUSE_MS = 300;
const ANSWER_MS = 60_000;
const [, , web] = process.argv;
const who = hostname();
const say = (what) => console.log(JSON.stringify(what));

function openSession() {
  const child = spawn('psql', ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', 'orders', '-U', 'anybody']);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let error = '';
  child.stderr.on('data', (text) => (error += text));
  child.stdin.on('error', () => undefined);
  return {
    async query(sql) {
      const late = setTimeout(() => child.kill('SIGKILL'), ANSWER_MS);
      child.stdin.write(`${sql};\n`);
      const { value, done } = await lines.next();
      clearTimeout(late);
      if (done) throw new Error(error.trim() || 'psql ended');
      return value;
    },
    end: () => child.kill('SIGKILL'),
  };
}

function ask(path) {
  const proxy = new URL(process.env.HTTP_PROXY);
  return new Promise((resolve, reject) => {
    const options = { host: proxy.hostname, port: proxy.port, path: `http://${web}${path}`, headers: { host: web }, agent: false, timeout: ANSWER_MS };
    const asked = request(options, (answer) => answer.resume().on('end', () => resolve(answer.statusCode)).on('error', reject));
    asked.on('error', reject).on('timeout', () => asked.destroy(new Error('no answer'))).end();
  });
}

for (let number = 0; ; ) {
  const session = openSession();
  try {
    say({ session: (await session.query('select host(inet_client_addr())')).trim() });
    for (; ; number++) {
      await session.query(`insert into done values ('${who}', ${number}) returning number`);
      say({ row: number });
      const path = `/${who}/${number}`;
      const status = await ask(path).catch((error) => error.message);
      say(status === 200 ? { path } : { unanswered: path, why: status });
      await pause(PAUSE_MS);
    }
  } catch (error) {
    say({ broken: number, why: error.message });
    // The row was done or not: the next one has a number of its own.
    number++;
    await pause(PAUSE_MS);
  }
  session.end();
}
