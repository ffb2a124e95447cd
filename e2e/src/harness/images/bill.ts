/** A bill of materials of an image, as CycloneDX 1.5 JSON (ECMA-424): what npm says of its packages, Node, and what comes from the machine. Pure. */

/** What this uses of a component. */
export interface Component {
  'bom-ref': string;
  type: string;
  name: string;
  version?: string;
  purl?: string;
  hashes?: { alg: string; content: string }[];
  /** Where its files stand in the image, where it is not below /app. */
  evidence?: { occurrences: { location: string }[] };
  [other: string]: unknown;
}

export interface Bill {
  bomFormat: 'CycloneDX';
  specVersion: string;
  serialNumber: string;
  version: number;
  metadata: { component: Component };
  components: Component[];
  dependencies: { ref: string; dependsOn?: string[] }[];
}

/** What `npm sbom` prints: the bill of the lock file, for every platform. */
export type NpmBill = Pick<Bill, 'components' | 'dependencies' | 'specVersion'>;

export interface Content {
  reference: string;
  /** `sha256:` and hex. */
  digest: string;
  npm: NpmBill;
  /** `name@version` of the packages in it; npm lists those of other platforms too. */
  packages: ReadonlySet<string>;
  /** What is not from npm. */
  others: readonly Component[];
}

/** The bill, the same for the same content: it has no time, and its serial number follows from the image. Throws at a package that npm does not list. */
export function billOf({ reference, digest, npm, packages, others }: Content): Bill {
  const components = npm.components.filter((each) => packages.has(each['bom-ref']));
  const listed = new Set(components.map((each) => each['bom-ref']));
  const missing = [...packages].filter((each) => !listed.has(each));
  if (missing.length > 0) throw new Error(`${reference} holds packages that the lock file does not lead to: ${missing.join(', ')}`);
  const [name = '', version = ''] = reference.split(':');
  const self: Component = {
    'bom-ref': reference,
    type: 'container',
    name,
    version,
    hashes: [{ alg: 'SHA-256', content: digest.slice(7) }],
  };
  return {
    bomFormat: 'CycloneDX',
    specVersion: npm.specVersion,
    serialNumber: `urn:uuid:${uuidOf(digest.slice(7))}`,
    version: 1,
    metadata: { component: self },
    components: [...components, ...others],
    dependencies: npm.dependencies.flatMap(({ ref, dependsOn }) =>
      listed.has(ref) ? [{ ref, dependsOn: (dependsOn ?? []).filter((each) => listed.has(each)) }] : [],
    ),
  };
}

/** A UUID of version 8 from the first digits of a hash (RFC 9562 5.8). */
function uuidOf(hex: string): string {
  const variant = ((Number.parseInt(hex[16]!, 16) & 3) | 8).toString(16);
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `${variant}${hex.slice(17, 20)}`, hex.slice(20, 32)].join('-');
}
