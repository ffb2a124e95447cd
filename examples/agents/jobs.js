// How an agent runs another one as a Job and waits for what it finds out: plain calls of the Kubernetes API with the
// configuration that every pod has. Nothing here knows of Cairn.
import { readFileSync } from 'node:fs';
import { Agent, fetch } from 'undici';

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Seconds that a Job's pods are kept for whoever wants to look at them. */
const KEPT_SECONDS = 600;

let connection;

/** Made at the first call: agents that run no others need no API server. */
function cluster() {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
  return (connection ??= {
    url: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    namespace: readFileSync(`${ACCOUNT}/namespace`, 'utf8').trim(),
    // A watch is silent for as long as the other agent works.
    dispatcher: new Agent({ connect: { ca: readFileSync(`${ACCOUNT}/ca.crt`) }, bodyTimeout: 0 }),
  });
}

async function ask(path, body) {
  const { url, dispatcher } = cluster();
  // Kubelet renews the token: it is read at every call.
  const headers = { authorization: `Bearer ${readFileSync(`${ACCOUNT}/token`, 'utf8').trim()}`, 'content-type': 'application/json' };
  const answer = await fetch(url + path, {
    dispatcher,
    headers,
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  });
  if (answer.ok) return answer;
  const text = await answer.text();
  throw new Error(messageIn(text) ?? `the API server answered ${answer.status}`);
}

function messageIn(text) {
  try {
    return JSON.parse(text).message;
  } catch {
    return undefined;
  }
}

/** The settings that PASS_ON names, for the next agent; PASS_ON itself goes along. */
function settings() {
  const names = ['PASS_ON', ...(process.env.PASS_ON ?? '').split(',')];
  return names.filter((name) => process.env[name] !== undefined).map((name) => ({ name, value: process.env[name] }));
}

function jobOf(agent, task) {
  const container = {
    name: 'agent',
    image: process.env.AGENT_IMAGE,
    command: ['node', `agents/${agent}-job.js`],
    env: [{ name: 'TASK', value: JSON.stringify(task) }, ...settings()],
  };
  const spec = {
    serviceAccountName: process.env.AGENT_ACCOUNT,
    restartPolicy: 'Never',
    securityContext: { runAsUser: 10001, runAsGroup: 10001, runAsNonRoot: true },
    containers: [container],
  };
  const template = { metadata: { labels: { app: agent, team: 'research' }, annotations: { 'cairn.dev/agent': agent } }, spec };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { generateName: `${agent}-` },
    spec: { backoffLimit: 0, ttlSecondsAfterFinished: KEPT_SECONDS, template },
  };
}

async function* lines(body) {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = parts.pop();
    yield* parts.filter((line) => line !== '');
  }
}

/** Resolves to the Job once it has ended, however it did. A watch may end before: then another one goes on. */
async function ended(jobs, { metadata }) {
  for (;;) {
    const watch = await ask(`${jobs}?watch=1&fieldSelector=metadata.name%3D${metadata.name}&timeoutSeconds=240`);
    for await (const line of lines(watch.body)) {
      const { object } = JSON.parse(line);
      if (object.status?.conditions?.some(({ type, status }) => ['Complete', 'Failed'].includes(type) && status === 'True')) return object;
    }
  }
}

async function said(namespace, { metadata }) {
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  const { items } = await (await ask(`${pods}?labelSelector=job-name%3D${metadata.name}`)).json();
  if (items.length === 0) throw new Error(`Job ${metadata.name} made no pod`);
  return (await ask(`${pods}/${items[0].metadata.name}/log?container=agent`)).text();
}

/** Runs `agents/AGENT-job.js` with a task and resolves to its answer: the last line that it prints. Throws its error. */
export async function runAgent(agent, task) {
  const { namespace } = cluster();
  const jobs = `/apis/batch/v1/namespaces/${namespace}/jobs`;
  const job = await (await ask(jobs, jobOf(agent, task))).json();
  console.log(`runs ${agent} as Job ${job.metadata.name}`);
  const text = await said(namespace, await ended(jobs, job));
  const { answer, error } = JSON.parse(text.trim().split('\n').at(-1));
  if (error !== undefined) throw new Error(error);
  return answer;
}

/** The other side of it: does the task, prints the answer as the last line, and exits. */
export async function runTask(work) {
  try {
    console.log(JSON.stringify({ answer: await work(JSON.parse(process.env.TASK)) }));
    process.exit(0);
  } catch (error) {
    console.log(JSON.stringify({ error: error.message }));
    process.exit(1);
  }
}
