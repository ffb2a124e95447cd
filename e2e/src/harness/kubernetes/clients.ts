/** Real clients of a cluster: kubectl and Helm, as the admin, as a user by client certificate, or as a service account. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Authority } from './certificates.js';
import { CommandError, runCommand, type CommandResult } from './command.js';
import { writeKubeconfig, type Credential } from './kubeconfig.js';
import { helmProgram, kubectlProgram } from './programs.js';

export interface ClientOptions {
  /** Written to stdin, for `-f -`. */
  input?: string;
  /** The kubeconfig to use; default the admin's. */
  as?: string;
  /** Milliseconds after which it is ended. Default: a minute. */
  timeoutMs?: number;
}

export interface TokenOptions {
  /** The pod that the token is bound to: user info then names it, as with the token that a node projects into the pod. */
  pod?: string;
  /** Default: the API server itself. */
  audience?: string;
  /** Seconds that it holds; at least 600. */
  seconds?: number;
}

export class Clients {
  #programs: { kubectl?: Promise<string>; helm?: Promise<string> } = {};

  constructor(
    readonly folder: string,
    readonly url: string,
    /** The admin's kubeconfig file. */
    readonly kubeconfig: string,
    private readonly authority: Authority,
  ) {}

  /** The CA that signs the server's certificate, as PEM. */
  get caCert(): string {
    return this.authority.cert;
  }

  /** Runs kubectl; resolves to its stdout. Rejects with a {@link CommandError} when it fails. */
  async kubectl(args: readonly string[], options: ClientOptions = {}): Promise<string> {
    const result = await this.tryKubectl(args, options);
    if (result.code !== 0) throw new CommandError(`kubectl ${args[0]}`, result);
    return result.stdout;
  }

  /** Runs kubectl and resolves to what it said, also when it fails. */
  async tryKubectl(args: readonly string[], { input, as, timeoutMs }: ClientOptions = {}): Promise<CommandResult> {
    return runCommand(await (this.#programs.kubectl ??= kubectlProgram()), args, {
      ...(input === undefined ? {} : { input }),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
      env: this.#env(as),
    });
  }

  /** An object as JSON: `get('pod', 'a', '-n', 'b')`. */
  async get<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.kubectl(['get', ...args, '-o', 'json'])) as T;
  }

  /** Applies objects, given as such or as YAML, and resolves to kubectl's words. */
  async apply(objects: string | readonly object[], { as, serverSide }: { as?: string; serverSide?: boolean } = {}): Promise<string> {
    const input = typeof objects === 'string' ? objects : JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    const args = ['apply', ...(serverSide ? ['--server-side'] : []), '-f', '-'];
    return this.kubectl(args, { input, ...(as === undefined ? {} : { as }) });
  }

  /** Runs Helm; resolves to its stdout. */
  async helm(args: readonly string[], { input, as }: ClientOptions = {}): Promise<string> {
    const result = await runCommand(await (this.#programs.helm ??= helmProgram()), args, {
      ...(input === undefined ? {} : { input }),
      env: this.#env(as),
    });
    if (result.code !== 0) throw new CommandError(`helm ${args[0]}`, result);
    return result.stdout;
  }

  /** A person, by client certificate. The path of a kubeconfig. She may do nothing until RBAC says so. */
  async user(name: string, groups: readonly string[] = []): Promise<string> {
    return this.#kubeconfig(await this.authority.issue({ commonName: name, organizations: groups }));
  }

  /** Whoever holds this token. The path of a kubeconfig. */
  async bearer(token: string): Promise<string> {
    return this.#kubeconfig({ token });
  }

  /** A token of a service account, by the TokenRequest API. */
  async serviceAccountToken(namespace: string, name: string, { pod, audience, seconds }: TokenOptions = {}): Promise<string> {
    const bound = pod ? ['--bound-object-kind=Pod', `--bound-object-name=${pod}`] : [];
    const asked = [...(audience ? [`--audience=${audience}`] : []), ...(seconds ? [`--duration=${seconds}s`] : [])];
    return (await this.kubectl(['create', 'token', name, '-n', namespace, ...bound, ...asked])).trim();
  }

  #env(kubeconfig = this.kubeconfig): NodeJS.ProcessEnv {
    const home = join(this.folder, 'home');
    return { PATH: process.env['PATH'], HOME: home, KUBECACHEDIR: join(home, 'cache'), KUBECONFIG: kubeconfig };
  }

  #kubeconfig(credential: Credential): Promise<string> {
    return writeKubeconfig(join(this.folder, `${randomUUID()}.kubeconfig`), { url: this.url, caCert: this.caCert }, credential);
  }
}
