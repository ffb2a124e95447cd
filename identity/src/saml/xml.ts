/** XML as SAML needs it: no declarations, no expansion, bounded depth. Loaded at first use: sidecars verify no assertions. */
import { SAML_DEPTH } from '../limits.js';
import { IdentityError } from '../types.js';

const DECLARATION = /^\uFEFF?<\?xml[^?]*\?>\s*/;

function malformed(what: string, how: string): IdentityError {
  return new IdentityError('malformed', `${what} ${how}`);
}

/** The text without its XML declaration. */
export function undeclared(text: string): string {
  return text.replace(DECLARATION, '');
}

async function parse(text: string, what: string): Promise<Element> {
  const { DOMParser } = await import('@xmldom/xmldom');
  const faults: string[] = [];
  // The parser mends what it warns of; two parsers that mend differently are how signatures are wrapped.
  const errorHandler = (level: string): void => void faults.push(level);
  let root: Element | undefined;
  try {
    root = new DOMParser({ errorHandler }).parseFromString(undeclared(text), 'text/xml')?.documentElement;
  } catch {
    throw malformed(what, 'is not well-formed XML');
  }
  if (!root || faults.length > 0) throw malformed(what, 'is not well-formed XML');
  for (const { depth } of walk(root)) if (depth > SAML_DEPTH) throw malformed(what, `nests elements more than ${SAML_DEPTH} deep`);
  return root;
}

/**
 * Parses a message. Refuses everything between elements but text: document types and entities (expansion), comments and
 * CDATA (one parser's text is another's two), processing instructions. Throws IdentityError `malformed`.
 */
export async function parseMessage(text: string, what: string): Promise<Element> {
  if (/<[!?]/.test(undeclared(text))) {
    throw malformed(what, 'contains a document type, comment, CDATA section or processing instruction, none of which belong there');
  }
  return parse(text, what);
}

/** Parses a document whose authors may comment it, such as metadata. Throws IdentityError `malformed`. */
export async function parseDocument(text: string, what: string): Promise<Element> {
  if (/<!(DOCTYPE|ENTITY|\[)/i.test(text)) throw malformed(what, 'contains a document type or CDATA section');
  return parse(text, what);
}

/** Every element with its depth, the root first; without recursion. */
export function* walk(root: Element): Generator<{ element: Element; depth: number }> {
  const open = [{ element: root, depth: 1 }];
  for (let next = open.pop(); next; next = open.pop()) {
    yield next;
    for (const child of children(next.element).reverse()) open.push({ element: child, depth: next.depth + 1 });
  }
}

function children(parent: Element): Element[] {
  const elements: Element[] = [];
  for (let node = parent.firstChild; node; node = node.nextSibling) if (node.nodeType === 1) elements.push(node as Element);
  return elements;
}

export function isNamed(element: Element, namespace: string, name: string): boolean {
  return element.namespaceURI === namespace && element.localName === name;
}

/** Child elements of a name. */
export function childrenNamed(parent: Element, namespace: string, name: string): Element[] {
  return children(parent).filter((element) => isNamed(element, namespace, name));
}

/** The only child of that name; undefined where there is none. Throws IdentityError where there are two. */
export function onlyChild(parent: Element, namespace: string, name: string): Element | undefined {
  const [first, second] = childrenNamed(parent, namespace, name);
  if (second) throw malformed(`the ${parent.localName}`, `has more than one ${name}`);
  return first;
}

export { children };

export function textOf(element: Element | undefined): string {
  return (element?.textContent ?? '').trim();
}

/** An attribute; undefined where it is absent or empty. */
export function attribute(element: Element, name: string): string | undefined {
  return element.getAttribute(name) || undefined;
}
