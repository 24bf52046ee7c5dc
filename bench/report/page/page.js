/*
 * The page: its choices, which stand in the address's fragment, and the text about
 * the mark under the pointer or the keys.
 */

const UNITS = {ns: "ns", rate: "allocations a second", speed: "× the baseline"};

const data = readData(JSON.parse(document.getElementById("data").textContent));
const tip = document.getElementById("tip");
const form = document.querySelector("form.choices");
const drawn = []; // {node, id, figure, showTable} of each figure
let state = stateOf(location.hash);

/* The choices of a fragment. Those that are missing or wrong are as at first. */
function stateOf(hash) {
  const asked = new URLSearchParams(hash.slice(1));
  const made = {...data.state};
  if (Object.hasOwn(UNITS, asked.get("unit"))) made.unit = asked.get("unit");
  if (data.of.has(asked.get("base"))) made.base = asked.get("base");
  if (asked.has("on")) {
    made.on = asked.get("on").split(",").filter((name) => data.of.has(name));
  }
  made.traffic = asked.get("traffic") ?? made.traffic;
  made.sizes = asked.get("sizes") ?? made.sizes;
  made.n = Number(asked.get("n") ?? made.n);
  return measured(made);
}

/* The same with traffic, sizes and n that were measured together. */
function measured(made) {
  const among = (all, value) => (all.includes(value) ? value : all[0]);
  const traffic = among([data.state.traffic, ...known(data.rows, "workload")], made.traffic);
  const first = traffic === data.state.traffic ? [data.state.sizes] : [];
  const sizes = among([...first, ...known(data.rows, "sizes", {workload: traffic})], made.sizes);
  const ns = known(data.rows, "n", {workload: traffic, sizes});
  const far = (n) => Math.abs(Math.log(n / made.n));
  const n = ns.includes(made.n) || !(made.n > 0) ? among(ns, made.n)
    : [...ns].sort((a, b) => far(a) - far(b))[0];
  return {...made, traffic, sizes, n};
}

/* The choices that differ from those that the page opens with. */
function hashOf(made) {
  const asked = new URLSearchParams();
  for (const [key, value] of Object.entries(made)) {
    if (`${value}` !== `${data.state[key]}`) asked.set(key, value);
  }
  return asked.toString().replaceAll("%2C", ",");
}

function choose(changes) {
  state = measured({...state, ...changes});
  const hash = hashOf(state);
  history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
  fillForm();
  drawAll();
}

function fillForm() {
  const options = {
    traffic: known(data.rows, "workload"),
    sizes: known(data.rows, "sizes", {workload: state.traffic}),
    n: known(data.rows, "n", {workload: state.traffic, sizes: state.sizes}),
    unit: Object.keys(UNITS),
    base: data.allocatorNames,
  };
  for (const [name, values] of Object.entries(options)) {
    d3.select(form.elements[name]).selectAll("option").data(values).join("option")
      .attr("value", (value) => value)
      .text((value) => (name === "unit" ? UNITS[value] : name === "n" ? plain(value) : value));
    form.elements[name].value = state[name];
  }
  for (const box of form.querySelectorAll("fieldset input")) {
    box.checked = state.on.includes(box.value);
  }
}

function makeForm() {
  const labels = d3.select(form.querySelector("fieldset")).selectAll("label")
    .data(data.allocators).join("label");
  labels.append("input").attr("type", "checkbox").attr("name", "on")
    .attr("value", ({name}) => name);
  labels.append("svg").attr("class", "swatch").attr("viewBox", "0 0 10 10")
    .attr("aria-hidden", "true").append("circle").attr("class", ({ink}) => `f${ink}`)
    .attr("cx", 5).attr("cy", 5).attr("r", 5);
  labels.append("span").text(({name}) => name);
  form.addEventListener("change", ({target}) => {
    if (target.name === "on") choose({on: checked()});
    else choose({[target.name]: target.name === "n" ? Number(target.value) : target.value});
  });
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    choose(data.state);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.elements.all.addEventListener("click", () => choose({on: data.allocatorNames}));
  form.elements.none.addEventListener("click", () => choose({on: []}));
}

function checked() {
  return [...form.querySelectorAll("fieldset input:checked")].map(({value}) => value);
}

function drawAll() {
  hideTip();
  for (const one of drawn) {
    one.figure = null;
    draw(one.node, figureOfOne(one), state, data, widthFor(one.node));
    const {title, caption} = one.figure;
    document.getElementById(one.id).textContent = title;
    one.node.closest("figure").querySelector("figcaption").textContent = caption;
    one.box.querySelector("summary").textContent = `Table of ${title}`;
    one.showTable();
  }
  showRows();
}

/* The marks that a figure shows now. */
function figureOfOne(one) {
  one.figure ??= figureFor(one.id, data, state);
  return one.figure;
}

/* Whether the SVG in the page is the same as the script would draw. */
function isAsMade() {
  return hashOf(state) === "" && drawn.every(({node, id}) =>
    widthFor(node) === (id === "first" ? data.geometry.first : data.geometry.wide));
}

/* The width of the box, which scrolls where a figure needs more. */
function widthFor(node) {
  return node.parentElement.clientWidth;
}

function makeFigures() {
  for (const element of document.querySelectorAll("figure[data-figure]")) {
    const box = element.querySelector("details.rows");
    const one = {id: element.dataset.figure, node: element.querySelector("svg"), box};
    one.showTable = tableIn(box, () => {
      const figure = figureOfOne(one);
      return {columns: columnsOf(figure), rows: figure.marks};
    });
    listen(one);
    drawn.push(one);
  }
}

/* Every row with the figures of the reader's baseline. */
const showRows = tableIn(document.querySelector("figure[data-rows] details"), () => {
  const rows = [...data.rows.values()].map((row) => {
    const time = timeOf(row, data);
    const {value, low, high, verdict, rounds, noise} = speedOf(row, state.base, data) ?? {};
    return {
      ...row, ns: time?.value, speed: value, low, high, verdict, noise,
      rounds: rounds ?? time?.rounds,
    };
  });
  const columns = [
    ["workload", "traffic"], ["allocator", "allocator"], ["sizes", "sizes"], ["n", "n"],
    ["ns", "ns"], ["speed", `times as fast as ${state.base}`], ["low", "low"],
    ["high", "high"], ["verdict", "verdict"], ["noise", "A/A %"], ["rounds", "rounds"],
  ];
  return {columns, rows};
});

/* The facts about a mark, in a few lines. */
function tip_text(mark, figure) {
  const lines = [labelOf(mark.name, data)];
  if (mark.series && mark.series !== mark.name) lines[0] += `, ${mark.series}`;
  const panel = figure.panels.length > 1 && mark.low === undefined
    ? figure.panels[mark.panel].title : "";
  lines.push(`${spelled(mark.value)} ${panel || figure.unit}`);
  if (mark.low !== undefined && mark.low !== null) {
    lines.push(`interval ${spelled(mark.low)} to ${spelled(mark.high)}`);
  }
  if (mark.least !== undefined) {
    lines.push(`rounds ${spelled(mark.least)} to ${spelled(mark.most)}`);
  }
  if (mark.x !== undefined) lines.push(`${figure.xTitle}: ${spelled(mark.x)}`);
  if (mark.more) lines.push(mark.more);
  if (mark.verdict) lines.push(mark.verdict);
  if (mark.noise) lines.push(`A/A spread ${mark.noise.toFixed(1)} %`);
  if (mark.row && mark.row !== panel) lines.push(mark.rounds ? `${mark.row}, ${mark.rounds} rounds` : mark.row);
  const {policy} = data.of.get(mark.name) ?? {};
  if (policy) lines.push(policy);
  return lines.join("\n");
}

function spelled(value) {
  if (value >= 1e4) return plain(+value.toPrecision(3));
  return value >= 1e3 && Number.isInteger(value) ? plain(value) : digits(value);
}

/* Pointer and keys: a figure is one stop of the tab key, arrows step through it. */
function listen(one) {
  const {node} = one;
  let now = -1;
  const pick = (index) => {
    const marks = node.querySelectorAll("g.mark");
    if (!marks.length) return;
    now = (index + marks.length) % marks.length;
    const figure = figureOfOne(one);
    showTip(marks[now], figure.marks[now], figure);
  };
  node.setAttribute("tabindex", "0");
  node.setAttribute("aria-roledescription", "chart; arrow keys step through its marks");
  node.addEventListener("keydown", (event) => {
    const step = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[event.key];
    if (step) {
      event.preventDefault();
      pick(now < 0 && step < 0 ? -1 : now + step);
    } else if (event.key === "Escape") {
      hideTip();
    }
  });
  node.addEventListener("focus", () => {
    if (node.matches(":focus-visible")) pick(Math.max(now, 0));
  });
  node.addEventListener("blur", hideTip);
  node.addEventListener("pointermove", (event) => {
    const nearest = nearestTo(node, event);
    if (nearest >= 0) pick(nearest);
    else hideTip();
  });
  node.addEventListener("pointerleave", hideTip);
}

const NEAR = 24; // pixels from a mark

/* The number of the mark nearest to the pointer; -1: none is near. */
function nearestTo(node, {clientX, clientY}) {
  let nearest = -1;
  let least = NEAR;
  node.querySelectorAll("g.mark").forEach((mark, index) => {
    const box = (mark.querySelector("use, rect, circle") ?? mark).getBoundingClientRect();
    const x = Math.max(box.left - clientX, 0, clientX - box.right);
    const y = Math.max(box.top - clientY, 0, clientY - box.bottom);
    const far = Math.hypot(x, y);
    if (far < least) [nearest, least] = [index, far];
  });
  return nearest;
}

function showTip(mark, datum, figure) {
  hideTip();
  mark.classList.add("now");
  tip.textContent = tip_text(datum, figure);
  tip.classList.add("shown");
  const box = (mark.querySelector("use, rect, circle") ?? mark).getBoundingClientRect();
  const {width, height} = tip.getBoundingClientRect();
  const left = Math.min(Math.max(4, box.right + 8), innerWidth - width - 4);
  const below = box.bottom + 8;
  const top = below + height > innerHeight ? box.top - height - 8 : below;
  tip.style.left = `${left}px`;
  tip.style.top = `${Math.max(4, top)}px`;
}

function hideTip() {
  tip.classList.remove("shown");
  for (const mark of document.querySelectorAll(".mark.now")) mark.classList.remove("now");
}

/* A link to a section keeps the choices in the address. */
function listenToLinks() {
  for (const link of document.querySelectorAll("nav a")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      document.getElementById(link.hash.slice(1)).scrollIntoView();
    });
  }
}

makeForm();
makeFigures();
listenToLinks();
fillForm();
if (!isAsMade()) drawAll();
addEventListener("scroll", hideTip, {passive: true});
addEventListener("hashchange", () => choose(stateOf(location.hash)));
let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === width) return;
  width = innerWidth;
  drawAll();
});
