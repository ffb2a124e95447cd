/** One line of a result, as `JSON=1` prints it. Numbers that a row does not have are null. */
export interface Row {
  name: string;
  /** What the ratios compare with, measured in the same run; null or empty where nothing. */
  peer: string | null;
  /** Requests, transactions or events a second. */
  rate: number | null;
  /** Median over the rounds of this rate by the peer's of the same round. */
  rate_ratio: number | null;
  /** CPU microseconds a request of the proxy alone (user and system, all threads). */
  cpu_us: number | null;
  cpu_ratio: number | null;
  /** Latency at a fixed rate: what the proxy adds to direct; of direct itself, all of it. */
  p50_ms: number | null;
  p99_ms: number | null;
  /** Resident set of the proxy under load. */
  rss_mb: number | null;
}

/** One short measurement. */
export interface Round {
  rate: number;
  /** null where there is no proxy to charge. */
  cpuMicroseconds: number | null;
}

export interface Measured {
  name: string;
  peer?: string;
  rounds: readonly Round[];
  latency?: { p50: number; p99: number } | undefined;
  rssMegabytes?: number | undefined;
}

/** Rows of what was measured side by side: round i of a row is compared with round i of its peer. */
export function rowsOf(measured: readonly Measured[]): Row[] {
  return measured.map(({ name, peer, rounds, latency, rssMegabytes }) => {
    const other = measured.find((each) => each.name === peer)?.rounds ?? [];
    return {
      name,
      peer: peer ?? null,
      rate: rounded(median(rounds.map((round) => round.rate)), 0),
      rate_ratio: rounded(median(ratios(rounds, other, (round) => round.rate)), 2),
      cpu_us: rounded(median(rounds.flatMap((round) => round.cpuMicroseconds ?? [])), 1),
      cpu_ratio: rounded(median(ratios(rounds, other, (round) => round.cpuMicroseconds)), 2),
      p50_ms: rounded(latency?.p50, 3),
      p99_ms: rounded(latency?.p99, 3),
      rss_mb: rounded(rssMegabytes, 1),
    };
  });
}

function ratios(ours: readonly Round[], theirs: readonly Round[], value: (round: Round) => number | null): number[] {
  return ours.flatMap((round, index) => {
    const other = theirs[index];
    const [mine, peers] = [value(round), other && value(other)];
    return mine && peers ? [mine / peers] : [];
  });
}

export function median(values: readonly number[]): number | undefined {
  return quantile(values, 0.5);
}

/** The value below which `share` of the values lie (nearest rank, between two by interpolation). */
export function quantile(values: readonly number[], share: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  if (low === undefined || high === undefined) return undefined;
  return low + (high - low) * (at - Math.floor(at));
}

function rounded(value: number | undefined, digits: number): number | null {
  return value === undefined ? null : Number(value.toFixed(digits));
}
