/** Protobuf, for tests. */

/** A length-delimited field of protobuf. */
export const protobufField = (number: number, value: Buffer | string): Buffer => {
  const bytes = Buffer.from(value);
  const size: number[] = [];
  for (let left = bytes.length; ; left >>>= 7) {
    if (left < 0x80) {
      size.push(left);
      break;
    }
    size.push((left & 0x7f) | 0x80);
  }
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...size]), bytes]);
};
