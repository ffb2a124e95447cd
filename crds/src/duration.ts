/** Durations as Kubernetes writes them: 30m, 1h30m, 90s. */
const UNITS: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000 };

/** Milliseconds; NaN for a text that is not a duration. */
export function durationMillis(text: string): number {
  if (!/^([0-9]+[hms])+$/.test(text)) return Number.NaN;
  let millis = 0;
  for (const [, count, unit] of text.matchAll(/([0-9]+)([hms])/g)) millis += Number(count) * (UNITS[unit!] ?? Number.NaN);
  return millis;
}
