/**
 * A Java trust store (JKS, version 2): what a JVM takes in place of its own list of authorities. Its layout is that of
 * sun.security.provider.JavaKeyStore. Java's PKCS#12 stores need an attribute of Oracle's own on each certificate, and no
 * library of this size writes it.
 */
import { createHash, X509Certificate } from 'node:crypto';

const MAGIC = 0xfeedfeed;
const VERSION = 2;
const TRUSTED_CERTIFICATE = 2;
/** What Java mixes into the digest that stands for a signature. */
const WHITENER = 'Mighty Aphrodite';

/** A store of these certificates (PEM, each alone). The password is no secret: a store without one can't be checked by Java. */
export function javaTrustStore(certificates: readonly string[], password: string, created: Date): Buffer {
  const entries = certificates.map((pem, index) => trustedCertificate(`ca-${index}`, new X509Certificate(pem).raw, created));
  const content = Buffer.concat([u32(MAGIC), u32(VERSION), u32(entries.length), ...entries]);
  const digest = createHash('sha1').update(Buffer.from(password, 'utf16le').swap16()).update(WHITENER).update(content).digest();
  return Buffer.concat([content, digest]);
}

function trustedCertificate(alias: string, certificate: Buffer, created: Date): Buffer {
  const time = Buffer.alloc(8);
  time.writeBigInt64BE(BigInt(created.getTime()));
  return Buffer.concat([u32(TRUSTED_CERTIFICATE), text(alias), time, text('X.509'), u32(certificate.length), certificate]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** DataOutput.writeUTF of ASCII: the length in two bytes, then the characters. */
function text(ascii: string): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(ascii.length);
  return Buffer.concat([length, Buffer.from(ascii, 'latin1')]);
}
