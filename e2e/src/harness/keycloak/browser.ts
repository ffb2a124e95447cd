/** A person at Keycloak's real pages: cookies, redirects, and its forms filled in and posted. */
import { STEPS_LIMIT } from './limits.js';
import { PASSWORD, type Person } from './realm.js';

interface Page {
  url: URL;
  location: string | null;
  html: string;
}

interface Form {
  action: URL;
  fields: URLSearchParams;
}

const unescaped = (text: string): string =>
  text.replaceAll('&#x3d;', '=').replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&');

function attributes(tag: string): Map<string, string> {
  return new Map([...tag.matchAll(/([a-zA-Z-]+)="([^"]*)"/g)].map(([, name, value]) => [name!.toLowerCase(), unescaped(value!)]));
}

function formOf({ html, url }: Page): Form | undefined {
  const [form] = /<form\b[^>]*>[\s\S]*?<\/form>/i.exec(html) ?? [];
  if (!form) return undefined;
  const action = attributes(/<form\b[^>]*>/i.exec(form)![0]).get('action');
  const fields = new URLSearchParams();
  for (const [tag] of form.matchAll(/<(?:input|button)\b[^>]*>/gi)) {
    const { name, value = '', type } = Object.fromEntries(attributes(tag)) as { name?: string; value?: string; type?: string };
    if (name && type !== 'checkbox' && name !== 'cancel' && name !== 'reject') fields.set(name, value);
  }
  return { action: new URL(action ?? url, url), fields };
}

export class Browser {
  readonly #cookies = new Map<string, string>();

  constructor(private readonly person: Person) {}

  /** From a login's address to where Keycloak sends the browser back to: by redirect, or by a form that is posted there. */
  async login(start: string | URL, home: string): Promise<{ url: URL; form?: URLSearchParams }> {
    let page = await this.#visit(new URL(start));
    for (let steps = 0; steps < STEPS_LIMIT; steps++) {
      if (page.location !== null) {
        const next = new URL(page.location, page.url);
        if (next.href.startsWith(home)) return { url: next };
        page = await this.#visit(next);
        continue;
      }
      const form = formOf(page);
      if (!form) throw new Error(`the login ended at ${page.url.pathname} without a form`);
      if (form.action.href.startsWith(home)) return { url: form.action, form: form.fields };
      page = await this.#visit(form.action, this.#filledIn(form.fields));
    }
    throw new Error('the login goes on without end; are name and password right?');
  }

  /** Opens the address that a device shows, logs in and says yes (RFC 8628 3.3). */
  async confirmDevice(start: string | URL): Promise<void> {
    let page = await this.#visit(new URL(start));
    for (let steps = 0; steps < STEPS_LIMIT; steps++) {
      if (page.location !== null) {
        page = await this.#visit(new URL(page.location, page.url));
        continue;
      }
      const form = formOf(page);
      if (!form) return;
      page = await this.#visit(form.action, this.#filledIn(form.fields));
    }
    throw new Error('the login goes on without end');
  }

  #filledIn(fields: URLSearchParams): URLSearchParams {
    if (fields.has('username')) fields.set('username', this.person);
    if (fields.has('password')) fields.set('password', PASSWORD);
    return fields;
  }

  async #visit(url: URL, form?: URLSearchParams): Promise<Page> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, { redirect: 'manual', headers: { cookie }, ...(form ? { method: 'POST', body: form } : {}) });
    for (const line of response.headers.getSetCookie()) {
      const [pair] = line.split(';');
      const at = pair!.indexOf('=');
      this.#cookies.set(pair!.slice(0, at), pair!.slice(at + 1));
    }
    return { url, location: response.headers.get('location'), html: await response.text() };
  }
}
