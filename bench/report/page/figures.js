/*
 * The marks of each figure for the reader's choice. figures.py has those for the
 * choice that the page opens with.
 */

const plain = (n) => n.toLocaleString("en");

/* A figure: the fields from figures.py, and those that its function below gives. */
function figureFor(id, data, state) {
  const about = data.figures.find((figure) => figure.id === id);
  const figure = {...about, ...FIGURES[id](data, state, about)};
  return {...figure, names: namesOf(figure)};
}

const FIGURES = {
  first(data, state, about) {
    const {traffic} = data.state;
    const ns = known(data.rows, "n", {workload: traffic, sizes: state.sizes});
    if (!ns.length) return {...FIGURES.first(data, {...state, sizes: data.state.sizes}, about)};
    const small = ns.includes(25) ? 25 : ns[0];
    const great = ns.includes(data.state.n) ? data.state.n : ns[ns.length - 1];
    const shown = small === great ? [small] : [small, great];
    const marks = [];
    for (const n of shown) {
      for (const name of data.first) {
        const row = data.rows.get(`${traffic}/${name}/${state.sizes}/${n}`);
        const found = row && speedOf(row, state.base, data);
        if (!found) continue;
        const series = `n = ${plain(n)}`;
        marks.push({name, panel: 0, series, ...found});
        const held = data.memory.get(`memory/${name}/${state.sizes}/${n}`);
        if (held && held.values[0]) {
          marks.push({name, panel: 1, series, value: held.values[0]});
        }
      }
    }
    const title = `times as fast as ${state.base}`;
    return {
      marks,
      title: `${traffic}, ${state.sizes}: ${title}`,
      unit: title,
      panels: [{...about.panels[0], title}, about.panels[1]],
      series: shown.map((n) => `n = ${plain(n)}`),
    };
  },

  heat(data, state) {
    return {
      title: `${state.traffic}: times as fast as ${state.base}`,
      unit: `times as fast as ${state.base}`,
      marks: speeds(data, state, [state.traffic], (sizes, n) => `${sizes} ${plain(n)}`),
    };
  },

  programs(data, state) {
    const title = `times as fast as ${state.base}`;
    return {
      title: `Recorded programs and requests: ${title}`,
      unit: title,
      marks: speeds(data, state, data.programs, (sizes) => sizes),
    };
  },

  cost(data, state) {
    const unit = unitOf(state);
    return {
      ...lines(data, state, (row) => figureOf(row, state, data)),
      title: `${state.traffic}, ${state.sizes}: ${unit} against the allocations of a region`,
      caption: state.unit === "ns"
        ? data.figures.find(({id}) => id === "cost").caption : "Higher is better.",
      unit,
      yTitle: unit,
      floor: state.unit === "ns" ? data.figures.find(({id}) => id === "cost").floor : "",
    };
  },

  throughput(data, state, about) {
    return {
      ...lines(data, state, (row) => {
        const time = timeOf(row, data);
        return time && rateOf(time);
      }),
      title: `${state.traffic}, ${state.sizes}: ${about.unit} against the allocations of a region`,
    };
  },

  latency(data, state) {
    const marks = [];
    for (const name of data.allocatorNames) {
      const found = data.latencies.get(rowKey(state, name));
      found?.values.forEach((value, index) => {
        const series = data.percentiles[index];
        if (value > 0) marks.push({name, panel: 0, series, value, row: keyOf(found)});
      });
    }
    return {marks, title: `Latency of a whole region: ${choice(state)}`};
  },

  memory(data, state) {
    const n = memoryN(data, state);
    const marks = [];
    for (const name of data.allocatorNames) {
      const held = data.memory.get(`memory/${name}/${state.sizes}/${n}`);
      const row = data.rows.get(rowKey({...state, n}, name));
      const found = held?.values[0] && row ? figureOf(row, state, data) : null;
      if (!found) continue;
      const [x, kept] = held.values;
      marks.push({name, series: name, x, more: `kept ${size(kept)}`, ...found});
    }
    return {
      marks,
      title: `Memory against time: ${choice({...state, n})}`,
      unit: unitOf(state),
      yTitle: unitOf(state),
    };
  },

  threads(data, state) {
    const marks = [];
    const panels = [];
    for (const workload of data.threads) {
      const all = known(data.rows, "sizes", {workload});
      if (!all.length) continue;
      const sizes = all.includes(state.sizes) ? state.sizes : all[0];
      const [n] = known(data.rows, "n", {workload, sizes});
      const panel = panels.length;
      const unit = {ns: "ns", rate: "a second", speed: `× ${state.base}`}[state.unit];
      const title = `${workload}, ${sizes}, n = ${plain(n)}: ${unit}`;
      panels.push({title, weight: 1, isLog: true, at: state.unit === "speed" ? 1 : null});
      for (const name of data.allocatorNames) {
        const row = data.rows.get(`${workload}/${name}/${sizes}/${n}`);
        const found = row && figureOf(row, state, data);
        if (found) marks.push({name, panel, series: name, ...found});
      }
    }
    return {marks, panels, unit: unitOf(state), isHigherBetter: state.unit !== "ns"};
  },

  instructions(data, state) {
    const of = data.instructions;
    const traffics = known(of, "workload");
    const workload = traffics.includes(state.traffic) ? state.traffic : traffics[0];
    const all = known(of, "sizes", {workload});
    const sizes = all.includes(state.sizes) ? state.sizes : all[0];
    const ns = known(of, "n", {workload, sizes});
    const marks = [];
    ns.forEach((n, panel) => {
      for (const name of data.allocatorNames) {
        const found = of.get(`${workload}/${name}/${sizes}/${n}`);
        if (found?.values[0]) {
          const [value, branches, mispredictions] = found.values;
          const more = `${digits(branches)} branches, ${mispredictions.toFixed(3)} mispredicted`;
          marks.push({name, panel, series: "", value, row: keyOf(found), more});
        }
      }
    });
    return {
      marks,
      panels: ns.map((n) => ({title: `n = ${plain(n)}`, weight: 1, isLog: true})),
      title: `Instructions of an allocation: ${workload}, ${sizes}`,
    };
  },

  faults(data, state) {
    const marks = [];
    for (const name of data.allocatorNames) {
      const key = rowKey(state, name);
      const found = data.faults.get(key)?.values[0].filter((value) => value !== null);
      if (found || data.rows.has(key)) {
        marks.push({name, panel: 0, series: "", value: found ? median(found) : 0, row: key});
      }
    }
    return {marks, title: `Page faults of a region: ${choice(state)}`};
  },

  variance: (data) => ({marks: data.fixed.variance}),
  mutants: (data) => ({marks: data.fixed.mutants}),
  campaigns: (data) => ({marks: data.fixed.campaigns}),
};

function rowKey({traffic, sizes, n}, allocator) {
  return keyOf({workload: traffic, allocator, sizes, n});
}

function choice({traffic, sizes, n}) {
  return `${traffic}, ${sizes}, n = ${plain(n)}`;
}

/* The n nearest to the chosen one of which time and memory were measured. */
function memoryN(data, {traffic, sizes, n}) {
  const timed = known(data.rows, "n", {workload: traffic, sizes});
  const both = known(data.memory, "n", {sizes}).filter((one) => timed.includes(one));
  const far = (one) => Math.abs(Math.log(one / n));
  return both.sort((a, b) => far(a) - far(b) || a - b)[0] ?? n;
}

function lines(data, {traffic, sizes}, of) {
  const marks = [];
  for (const name of data.allocatorNames) {
    for (const n of known(data.rows, "n", {workload: traffic, sizes})) {
      const row = data.rows.get(`${traffic}/${name}/${sizes}/${n}`);
      const found = row && of(row);
      if (found) marks.push({name, panel: 0, series: name, x: n, ...found});
    }
  }
  return {marks};
}

function speeds(data, state, traffics, seriesOf) {
  const marks = [];
  for (const workload of traffics) {
    for (const sizes of known(data.rows, "sizes", {workload})) {
      for (const n of known(data.rows, "n", {workload, sizes})) {
        for (const name of data.allocatorNames) {
          const row = data.rows.get(`${workload}/${name}/${sizes}/${n}`);
          const found = row && speedOf(row, state.base, data);
          if (found) marks.push({name, panel: 0, series: seriesOf(sizes, n), ...found});
        }
      }
    }
  }
  return marks;
}

/*
 * The best first: by the mean of the logarithms in the first panel. Names that are
 * no allocators are in alphabetical order.
 */
function namesOf(figure) {
  if (!figure.isFamilies) return [...new Set(figure.marks.map(({name}) => name))].sort();
  const logs = new Map();
  for (const {name, panel, value} of figure.marks) {
    if (!logs.has(name)) logs.set(name, []);
    if (!panel) logs.get(name).push(Math.log(Math.max(value, 1e-9)));
  }
  const sign = figure.isHigherBetter ? -1 : 1;
  const at = (name) => {
    const of = logs.get(name);
    return of.length ? Math.round(1e6 * sign * mean(of)) : 0;
  };
  return [...logs.keys()].sort((a, b) => at(a) - at(b) || (a < b ? -1 : 1));
}
