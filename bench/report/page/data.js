/*
 * The run, as model.py embedded it: rows by their names, and the figures of each.
 */

function readData(model) {
  const data = {...model, rows: new Map()};
  const text = (of) => model.names[of];
  const decode = ([workload, allocator, sizes, n, ...values]) => ({
    workload: text(workload), allocator: text(allocator), sizes: text(sizes), n, values,
  });
  for (const entry of model.rows) {
    const row = decode(entry);
    data.rows.set(keyOf(row), {...row, ns: row.values[0]});
  }
  for (const list of ["latencies", "memory", "instructions", "faults"]) {
    data[list] = new Map(model[list].map(decode).map((row) => [keyOf(row), row]));
  }
  data.of = new Map(model.allocators.map((allocator) => [allocator.name, allocator]));
  data.allocatorNames = model.allocators.map(({name}) => name);
  return data;
}

function keyOf({workload, allocator, sizes, n}) {
  return `${workload}/${allocator}/${sizes}/${n}`;
}

/* Different values of one part of the rows that are so: {workload: "fill"}. */
function known(rows, part, where = {}) {
  const found = new Set();
  for (const row of rows.values()) {
    if (Object.entries(where).every(([key, value]) => row[key] === value)) {
      found.add(row[part]);
    }
  }
  return part === "n" ? [...found].sort((a, b) => a - b) : [...found].sort(natural);
}

/* fixed64 before fixed512 */
function natural(one, other) {
  return one.localeCompare(other, "en", {numeric: true});
}

/* The A/A pair's ratio beside row. */
function pairOf(row, data) {
  const [one, again] = data.pair.map((allocator) =>
    data.rows.get(keyOf({...row, allocator})));
  const found = one && again ? compare(again, one, data) : null;
  return found && found.ratio;
}

/* The A/A spread beside row, in percent. */
function noiseOf(row, data) {
  const pair = pairOf(row, data);
  return pair ? 100 * Math.expm1(spread(pair)) : null;
}

/* How many times as fast as base a row is, as a mark has it; null: not known. */
function speedOf(row, base, data) {
  const other = data.rows.get(keyOf({...row, allocator: base}));
  const found = other ? compare(row, other, data) : null;
  if (!found) return null;
  const first = (name) => name.replace(/_again$/, "");
  return {
    value: 1 / found.ratio.median,
    low: 1 / found.ratio.high,
    high: 1 / found.ratio.low,
    least: 1 / Math.max(...found.rounds),
    most: 1 / Math.min(...found.rounds),
    rounds: found.rounds.length,
    noise: noiseOf(row, data),
    verdict: first(row.allocator) === first(base)
      ? SAME : judge(found, pairOf(row, data), data),
    row: keyOf(row),
  };
}

/* ns an allocation, as a mark has it. */
function timeOf(row, data) {
  const logs = row.ns.map((ns) => (ns === null ? null : Math.log(ns)));
  const found = estimate(byLayout(logs, data.layouts), data.ranks);
  return found && {
    value: found.median,
    low: found.low,
    high: found.high,
    rounds: logs.filter((log) => log !== null).length,
    noise: noiseOf(row, data),
    row: keyOf(row),
  };
}

/* A row's figure in the unit that the reader picked. */
function figureOf(row, state, data) {
  if (state.unit === "speed") return speedOf(row, state.base, data);
  const time = timeOf(row, data);
  return time && state.unit === "rate" ? rateOf(time) : time;
}

function rateOf(time) {
  return {...time, value: 1e9 / time.value, low: 1e9 / time.high, high: 1e9 / time.low};
}

function unitOf(state) {
  return {
    ns: "ns an allocation",
    rate: "allocations a second",
    speed: `times as fast as ${state.base}`,
  }[state.unit];
}
