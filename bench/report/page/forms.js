/*
 * The four ways to draw a figure. Everything stands where forms.py puts it; the
 * sizes come from there (data.geometry). A mark is a group of class "mark" with its
 * datum, in the order of figure.marks.
 */

const MIDDLE = 0.35; // of a font's size: from a text's middle down to its baseline
const CHARACTER = 0.6; // the width of one, over the font's size: about the mean

const FORMS = {dots: drawDots, lines: drawLines, heat: drawHeat, scatter: drawScatter};

/* Draws into node, an svg element, as wide as its box is. */
function draw(node, figure, state, data, width) {
  const svg = d3.select(node);
  svg.selectAll("*").remove();
  svg.attr("aria-label", figure.title);
  if (!figure.marks.length) {
    drawNothing(svg, width);
    return;
  }
  FORMS[figure.form](svg, figure, state, data, width);
}

function drawNothing(svg, width) {
  sized(svg, width, 60);
  text(svg, 4, 30, "Not measured for this choice.", {ink: "q", size: 14});
}

function sized(svg, width, height) {
  svg.attr("width", width).attr("height", height)
    .attr("viewBox", `0 0 ${width} ${height}`);
}

function text(parent, x, y, words, {size = 11, ink = "t", anchor = "start", bold} = {}) {
  return parent.append("text").attr("class", `f${ink}`).attr("x", x)
    .attr("y", y + MIDDLE * size).attr("font-size", size)
    .attr("text-anchor", anchor).attr("font-weight", bold ? "bold" : null).text(words);
}

function line(parent, x1, y1, x2, y2, ink, width = 1) {
  return parent.append("path").attr("class", `s${ink}`)
    .attr("d", `M${x1} ${y1}L${x2} ${y2}`).attr("stroke-width", width);
}

function marker(parent, x, y, shape, ink) {
  return parent.append("use").attr("href", `#${shape}`)
    .attr("class", `f${ink} sg`).attr("x", x).attr("y", y);
}

function marksOf(svg, figure) {
  return svg.selectAll("g.mark").data(figure.marks).join("g").attr("class", "mark");
}

function isOn(name, state) {
  return state.on.includes(name);
}

function inkOf(name, figure, state, data) {
  const stands = figure.id === "first" || isOn(name, state);
  return stands ? data.of.get(name)?.ink ?? "q" : "q";
}

/* A limit is no allocator: its name says so, where that fits. */
function labelOf(name, data, room = Infinity) {
  const whole = data.of.get(name)?.class === "limit" ? `${name} (limit)` : name;
  const {text: size} = data.geometry;
  return fitted(widthOf(whole, size) > room ? name : whole, room, size);
}

function widthOf(words, size) {
  return CHARACTER * size * words.length;
}

/* The values of a mark that a scale has to show. */
function endsOf(mark) {
  return [mark.value, mark.low, mark.high, mark.least, mark.most]
    .filter((value) => value !== undefined && value !== null);
}

function logScale(values, start, end, margin) {
  return d3.scaleLog().range([start, end])
    .domain([Math.min(...values) / margin, Math.max(...values) * margin]);
}

/* 1, 2 and 5 times the powers of ten, or the powers alone where those are many. */
function stepsOf(scale) {
  if (!scale.base) return scale.ticks(5);
  const [low, high] = scale.domain();
  const powers = d3.range(Math.floor(Math.log10(low)), Math.ceil(Math.log10(high)) + 1);
  const every = Math.ceil(powers.length / 7);
  const among = (factors, ten) => powers.filter((power) => power % ten === 0)
    .flatMap((power) => factors.map((factor) => factor * 10 ** power))
    .filter((step) => low <= step && step <= high);
  const all = among([1, 2, 5], 1);
  return all.length <= 8 ? all : among([1], every);
}

/* 1, 0.5, 20, 5k, 2M, 1G */
function tick(value) {
  for (const [unit, name] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (value >= unit) return `${+(value / unit).toPrecision(6)}${name}`;
  }
  return `${+value.toPrecision(6)}`;
}

function drawDots(svg, figure, state, data, box) {
  const {dots: at, text: size, margin} = data.geometry;
  const {names} = figure;
  const count = figure.isStacked ? figure.series.length : 1;
  const row = figure.isStacked ? at.line * count + at.between : at.row;
  const bottom = at.head + row * names.length;
  const left = leftOf(at, box);
  const width = widthOfPanels(figure, left, box);
  sized(svg, width, bottom + at.foot);
  const spans = spansOf(figure, left, width, at);
  const scales = figure.panels.map((panel, index) => {
    const values = figure.marks.filter((mark) => mark.panel === index).flatMap(endsOf);
    if (!panel.isLog) {
      return d3.scaleLinear().range(spans[index])
        .domain([0, (Math.max(0, ...values) || 1) * 1.05]);
    }
    const more = panel.at ? [...values, panel.at] : values;
    const scale = logScale(more.length ? more : [1], ...spans[index], margin);
    if (figure.isStacked) {
      scale.domain([scale.domain()[0], scale.domain()[1] * data.geometry.room]);
    }
    return scale;
  });
  drawLegend(svg, figure, data, left);
  figure.panels.forEach((panel, index) => {
    const [start, end] = spans[index];
    text(svg, start, 30, fitted(panel.title, end - start + at.right, size), {size, bold: true});
    drawTicksAbove(svg, scales[index], at.head, bottom, data);
    if (panel.at) {
      const x = scales[index](panel.at);
      line(svg, x, at.head, x, bottom, "q");
    }
  });
  names.forEach((name, index) => {
    const y = at.head + row * (index + 0.5);
    const stands = !figure.isFamilies || figure.id === "first" || isOn(name, state);
    text(svg, left - 8, y, labelOf(name, data, left), {
      size, anchor: "end", ink: stands ? "t" : "q", bold: figure.isFamilies && isOn(name, state),
    });
    line(svg, left, y + row / 2, width, y + row / 2, "l", 0.6);
  });
  marksOf(svg, figure).each(function (mark) {
    const place = Math.max(0, figure.series.indexOf(mark.series));
    let y = at.head + row * (names.indexOf(mark.name) + 0.5);
    if (figure.isStacked) y += at.line * (place - (count - 1) / 2);
    const ink = figure.isFamilies ? inkOf(mark.name, figure, state, data) : data.inks[place];
    const group = d3.select(this);
    drawDot(group, scales[mark.panel], y, mark, data.markers[place], ink);
    if (figure.isStacked) {
      const x = scales[mark.panel](mark.most ?? mark.value) + 7;
      text(group, x, y, digits(mark.value), {size: data.geometry.small});
    }
  });
}

/* Where a figure begins: on a phone its names take a third at most. */
function leftOf(at, width) {
  return Math.min(at.left, Math.max(110, width / 3));
}

const LEAST_PANEL = 190; // pixels, so that the titles of many panels do not touch

function widthOfPanels({panels}, left, width) {
  return panels.length > 2 ? Math.max(width, left + LEAST_PANEL * panels.length) : width;
}

function spansOf(figure, left, width, at) {
  const free = width - left - at.right - at.gap * (figure.panels.length - 1);
  const whole = figure.panels.reduce((sum, panel) => sum + panel.weight, 0);
  let start = left;
  return figure.panels.map((panel) => {
    const span = [start, start + free * panel.weight / whole];
    start = span[1] + at.gap;
    return span;
  });
}

function drawDot(group, x, y, mark, shape, ink) {
  if (mark.least !== undefined) line(group, x(mark.least), y, x(mark.most), y, ink, 1);
  if (mark.low !== undefined) line(group, x(mark.low), y, x(mark.high), y, ink, 4);
  marker(group, x(mark.value), y, shape, ink);
}

function drawLegend(svg, figure, data, left) {
  if (figure.series.length < 2) return;
  const {small} = data.geometry;
  let x = left;
  figure.series.forEach((series, index) => {
    marker(svg, x + 4, 10, data.markers[index], figure.isFamilies ? "t" : data.inks[index]);
    text(svg, x + 13, 10, series, {size: small});
    x += 13 + widthOf(series, small) + 16;
  });
}

function drawTicksAbove(svg, scale, top, bottom, data) {
  const {small} = data.geometry;
  let free = -Infinity;
  for (const step of stepsOf(scale)) {
    const x = scale(step);
    const half = widthOf(tick(step), small) / 2;
    line(svg, x, top, x, bottom, "l", 0.8);
    if (x - half < free) continue;
    text(svg, x, top - 10, tick(step), {size: small, ink: "q", anchor: "middle"});
    free = x + half + 4;
  }
}

/* As much of words as fits. */
function fitted(words, room, size) {
  const most = Math.floor(room / (CHARACTER * size));
  return words.length <= most ? words : `${words.slice(0, Math.max(1, most - 1))}…`;
}

function drawHeat(svg, figure, state, data, width) {
  const {heat: at, text: size, small} = data.geometry;
  const columns = [...new Set(figure.marks.map(({series}) => series))];
  const {names} = figure;
  const left = leftOf(at, width);
  const wide = Math.max(at.least, Math.min(at.most, (width - left - 24) / columns.length));
  const whole = Math.max(width, left + wide * columns.length + 24);
  sized(svg, whole, at.head + at.row * names.length + at.foot);
  columns.forEach((column, index) => {
    const x = left + wide * (index + 0.5);
    const y = at.head - 8;
    svg.append("text").attr("class", "ft").attr("x", x).attr("y", y)
      .attr("font-size", small).attr("transform", `rotate(-45 ${x} ${y})`).text(column);
  });
  names.forEach((name, index) => {
    const bold = isOn(name, state);
    text(svg, left - 8, at.head + at.row * (index + 0.5), labelOf(name, data, left),
      {size, anchor: "end", ink: bold ? "t" : "q", bold});
  });
  marksOf(svg, figure).each(function (mark) {
    const group = d3.select(this);
    const x = left + wide * columns.indexOf(mark.series);
    const y = at.head + at.row * names.indexOf(mark.name);
    group.append("rect").attr("class", shadeOf(mark, data)).attr("x", x + 1)
      .attr("y", y + 1).attr("width", wide - 2).attr("height", at.row - 2);
    const middle = {anchor: "middle"};
    text(group, x + wide / 2, y + 9.5, `${digits(mark.value)}×`, middle);
    text(group, x + wide / 2, y + 20.5, mark.verdict, {...middle, size: 9});
  });
}

function shadeOf(mark, data) {
  if (mark.verdict !== "faster" && mark.verdict !== "slower") return "h0";
  const distance = Math.max(mark.value, 1 / mark.value);
  const step = 1 + data.steps.filter((from) => distance >= from).length;
  return `h${mark.verdict[0]}${step}`;
}

function drawLines(svg, figure, state, data, width) {
  const at = data.geometry.lines;
  const {x, y} = drawFrame(svg, figure, at, data, width);
  const ofName = new Map(figure.names.map((name) =>
    [name, figure.marks.filter((mark) => mark.name === name)]));
  const path = (marks) => marks.map((mark) => `${x(mark.x)} ${y(mark.value)}`).join("L");
  const floor = ofName.get(figure.floor);
  if (floor) {
    const bottom = y.range()[0];
    const [first, last] = [floor[0], floor[floor.length - 1]].map((mark) => x(mark.x));
    svg.append("path").attr("class", "floor")
      .attr("d", `M${first} ${bottom}L${path(floor)}L${last} ${bottom}Z`);
  }
  const order = [...figure.names].sort((a, b) => isOn(a, state) - isOn(b, state));
  for (const name of order) {
    const stands = isOn(name, state);
    const ink = inkOf(name, figure, state, data);
    svg.append("path").attr("class", `s${ink}${stands ? "" : " off"}`)
      .attr("d", `M${path(ofName.get(name))}`)
      .attr("stroke-width", stands ? 2.2 : 0.7)
      .attr("stroke-dasharray", stands && data.of.get(name).class === "limit" ? "6 3" : null);
  }
  marksOf(svg, figure).each(function (mark) {
    const group = d3.select(this);
    const ink = inkOf(mark.name, figure, state, data);
    if (isOn(mark.name, state)) {
      line(group, x(mark.x), y(mark.low), x(mark.x), y(mark.high), ink, 1.4);
      marker(group, x(mark.x), y(mark.value), data.markers[0], ink);
    } else {
      group.append("circle").attr("class", "fq").attr("cx", x(mark.x))
        .attr("cy", y(mark.value)).attr("r", 1.6);
    }
  });
  drawEnds(svg, figure, state, data, x, y, ofName);
}

/* The names at the ends of the lines that are on, one above the other. */
function drawEnds(svg, figure, state, data, x, y, ofName) {
  const size = data.geometry.text;
  const ends = figure.names.filter((name) => isOn(name, state))
    .map((name) => ({name, mark: ofName.get(name)[ofName.get(name).length - 1]}))
    .sort((a, b) => y(a.mark.value) - y(b.mark.value));
  let free = -Infinity;
  for (const {name, mark} of ends) {
    const at = Math.max(y(mark.value), free);
    text(svg, x(mark.x) + 9, at, name,
      {size, ink: inkOf(name, figure, state, data), bold: true});
    free = at + size + 2;
  }
}

function drawScatter(svg, figure, state, data, width) {
  const size = data.geometry.text;
  const {x, y} = drawFrame(svg, figure, data.geometry.scatter, data, width);
  marksOf(svg, figure).each(function (mark) {
    const group = d3.select(this);
    const ink = inkOf(mark.name, figure, state, data);
    line(group, x(mark.x), y(mark.low), x(mark.x), y(mark.high), ink, 1.4);
    marker(group, x(mark.x), y(mark.value), data.markers[0], ink);
  });
  const taken = [];
  const order = [...figure.marks].sort((a, b) => isOn(b.name, state) - isOn(a.name, state));
  for (const mark of order) {
    const start = x(mark.x);
    const end = start + 9 + widthOf(mark.name, size);
    const at = y(mark.value);
    const isFree = taken.every((one) =>
      end < one.start || start > one.end || Math.abs(at - one.at) >= size + 1);
    if (end > width || !isFree) continue;
    taken.push({start, end, at});
    text(svg, start + 8, at, mark.name,
      {size, ink: inkOf(mark.name, figure, state, data), bold: isOn(mark.name, state)});
  }
}

const LEAST_RIGHT = 100; // pixels for the names at the ends of lines

/* Two logarithmic scales with their ticks and titles. */
function drawFrame(svg, figure, at, data, width) {
  const {small, margin} = data.geometry;
  const bottom = at.height - at.foot;
  const right = width - Math.min(at.right, Math.max(LEAST_RIGHT, width / 4));
  sized(svg, width, at.height);
  const x = logScale(figure.marks.map((mark) => mark.x), at.left, right, margin);
  const y = logScale(figure.marks.flatMap(endsOf), bottom, at.head, margin);
  const [[left], [low]] = [x.range(), y.range()];
  const steps = figure.form === "scatter"
    ? stepsOf(x) : [...new Set(figure.marks.map((mark) => mark.x))];
  for (const step of steps) {
    line(svg, x(step), at.head, x(step), low, "l", 0.8);
    text(svg, x(step), bottom + 12, tick(step), {size: small, ink: "q", anchor: "middle"});
  }
  for (const step of stepsOf(y)) {
    line(svg, left, y(step), right, y(step), "l", 0.8);
    text(svg, left - 6, y(step), tick(step), {size: small, ink: "q", anchor: "end"});
  }
  text(svg, (left + right) / 2, bottom + 32, figure.xTitle, {anchor: "middle"});
  text(svg, 4, 10, figure.yTitle);
  return {x, y};
}
