/** nginx twice: the upstream that costs next to nothing, and the peer that proxies with a JSON access log. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { accepts } from '@cairn/e2e';
import { spawnPinned } from '../measure/process.js';

const START_MS = 10_000;

export interface Nginx {
  /** The one process, worker without a master: what work costs is charged to it, and nothing outlives it. */
  process: ChildProcess;
  port: number;
}

/** Serves /small (a JSON body) and /large (a file of `largeBytes`). */
export async function startUpstream(core: number, folder: string, port: number, small: string, largeBytes: number): Promise<Nginx> {
  mkdirSync(join(folder, 'files'), { recursive: true });
  writeFileSync(join(folder, 'files/large'), Buffer.alloc(largeBytes, 'cairn '));
  const server = `server {
    listen 127.0.0.1:${port} backlog=1024;
    default_type application/json;
    location = /small { return 200 '${small}'; }
    location = /large { root ${join(folder, 'files')}; default_type application/octet-stream; sendfile on; }
  }`;
  return start(core, folder, port, `access_log off; ${server}`);
}

/** Reverse proxy with keep-alive to the upstream, and one JSON line a request in its access log. */
export async function startNginxProxy(core: number, folder: string, port: number, upstream: number): Promise<Nginx> {
  const fields = [
    'time_iso8601',
    'remote_addr',
    'request_method',
    'request_uri',
    'status',
    'body_bytes_sent',
    'request_time',
    'http_user_agent',
  ];
  const format = `log_format json escape=json '{${fields.map((field) => `"${field}":"$${field}"`).join(',')}}';`;
  const server = `upstream target { server 127.0.0.1:${upstream}; keepalive 64; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port} backlog=1024;
    location / {
      proxy_pass http://target;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      # A slow reader would send large answers through a file.
      proxy_max_temp_file_size 0;
    }
  }`;
  return start(core, folder, port, `${format} access_log ${join(folder, 'access.log')} json; ${server}`);
}

async function start(core: number, folder: string, port: number, http: string): Promise<Nginx> {
  mkdirSync(folder, { recursive: true });
  const config = join(folder, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${join(folder, name)};`)
    .join(' ');
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  writeFileSync(
    config,
    `${user} daemon off; master_process off; pid ${join(folder, 'pid')}; error_log ${join(folder, 'error.log')};
events { worker_connections 1024; }
http { ${temporary} keepalive_requests 100000000; keepalive_timeout 300s; ${http} }
`,
  );
  const child = spawnPinned(core, 'nginx', ['-p', folder, '-e', join(folder, 'error.log'), '-c', config], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` },
  });
  const deadline = Date.now() + START_MS;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`nginx did not start: see its words above`);
    await delay(20);
  }
  return { process: child, port };
}
