/** A thread that issues what it is started with and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import type { IssueRequest, Issued } from './authority.js';
import { issueAuthority, issueLeaf } from './certificates.js';

const { pod, authority: existing, names } = workerData as IssueRequest;
const authority = existing ?? (await issueAuthority(pod));
const leaves: Issued['leaves'] = [];
for (const name of names) leaves.push([name, await issueLeaf(name, authority)]);
parentPort?.postMessage({ authority, leaves } satisfies Issued);
