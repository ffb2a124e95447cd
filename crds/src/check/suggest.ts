/** Did you mean: the known word that is nearest to a misspelt one. */

/** Edits between two short words, neighbours swapped counting as one (optimal string alignment). */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, rows[i - 1]![j - 1]! + change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, rows[i - 2]![j - 2]! + 1);
      row.push(least);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}

/** ` Did you mean ...?` with a leading space, else the known words, else nothing. */
export function suggestion(word: string, known: readonly string[]): string {
  const given = word.slice(0, 64).toLowerCase();
  const ranked = known.map((each) => ({ each, edits: distance(given, each.toLowerCase()) })).toSorted((a, b) => a.edits - b.edits);
  const best = ranked[0];
  if (!best) return '';
  const near = best.edits <= Math.max(1, Math.floor(best.each.length / 3));
  if (near) return ` Did you mean ${best.each}?`;
  return ` Known: ${known.slice(0, 16).join(', ')}${known.length > 16 ? ', ...' : ''}.`;
}
