/*
 * Medians, intervals and verdicts, as interval.py and verdicts.py have them, for
 * the baseline that a reader picks. A test compares the two.
 */

const SAME = "A/A";

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/* The mean of each layout's logarithms; logs has one or null for each round. */
function byLayout(logs, layouts) {
  const of = new Map();
  logs.forEach((log, round) => {
    if (log === null) return;
    const layout = layouts[round];
    of.set(layout, [...(of.get(layout) ?? []), log]);
  });
  return [...of.values()].map(mean);
}

/* The median and the sign test's interval; null where there are too few layouts. */
function estimate(logs, ranks) {
  const first = ranks[logs.length] ?? 0;
  if (!first) return null;
  const sorted = [...logs].sort((a, b) => a - b);
  return {
    median: Math.exp(median(sorted)),
    low: Math.exp(sorted[first - 1]),
    high: Math.exp(sorted[sorted.length - first]),
  };
}

/* The time of row over other's, from the rounds that both have. */
function compare(row, other, data) {
  const logs = row.ns.map((ns, round) =>
    ns === null || other.ns[round] === null ? null : Math.log(ns / other.ns[round]));
  const means = byLayout(logs, data.layouts);
  const ratio = estimate(means, data.ranks);
  if (!ratio) return null;
  const swing = Math.exp(Math.max(...means) - Math.min(...means));
  return {ratio, swing, rounds: logs.filter((log) => log !== null).map(Math.exp)};
}

/* How far, as a logarithm, an A/A interval reaches from 1. */
function spread(pair) {
  return Math.max(Math.abs(Math.log(pair.low)), Math.abs(Math.log(pair.high)));
}

function judge({ratio, swing}, pair, data) {
  if (swing > data.unstable) return "unstable";
  if (1 / data.equal <= ratio.low && ratio.high <= data.equal) return "equal";
  if (!pair || (ratio.low <= 1 && 1 <= ratio.high)) return "unknown";
  if (Math.abs(Math.log(ratio.median)) <= spread(pair)) return "unknown";
  return ratio.median < 1 ? "faster" : "slower";
}
