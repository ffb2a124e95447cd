/** A Python with requests and httpx. */
import { pythonWith } from '../harness/python.js';

/** Path of the interpreter. */
export const pythonWithClients = (): Promise<string> =>
  pythonWith('python-http-clients', '2.32.5-0.28.1', ['requests==2.32.5', 'httpx==0.28.1']);
