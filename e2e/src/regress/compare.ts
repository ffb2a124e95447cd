/** Two outputs of psql, line by line, without what no two servers share. Pure. */

/** Lines that differ, as `- straight` and `+ through` in pairs; empty where none does. */
export function differing(straight: string, through: string): string[] {
  const [a, b] = [normal(straight), normal(through)];
  const lines: string[] = [];
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    if (a[index] !== b[index]) lines.push(`- ${index + 1}: ${a[index] ?? '(nothing)'}`, `+ ${index + 1}: ${b[index] ?? '(nothing)'}`);
  }
  return lines;
}

const COUNTED = /\bpg_toast_\d+|\bpg_temp_\d+|\bport \d+|\bPID \d+|\bBuffers: .*|^ *\d+ \| r +\| +\d+$/gm;

/** Oids, process ids and ports count up on each server by itself, and each has a buffer cache of its own. */
function normal(text: string): string[] {
  return text.replaceAll(COUNTED, (found) => found.replaceAll(/\d+/g, 'N').replaceAll(/ +/g, ' ')).split('\n');
}
