/*
 * The table of a figure's values: it sorts, it filters, and it is copied as CSV.
 */

const COLUMNS = [
  ["row", "row"], ["series", "mark"], ["x", "x"], ["value", "value"], ["low", "low"],
  ["high", "high"], ["least", "least round"], ["most", "most round"],
  ["verdict", "verdict"], ["noise", "A/A %"], ["rounds", "rounds"],
  ["more", "also"],
];

/* As words.digits() has it: three significant digits from 1 on. */
function digits(value) {
  for (const [places, end] of [[2, 10], [1, 100]]) {
    if (+value.toFixed(places) < end) return value.toFixed(places);
  }
  return value.toFixed(0);
}

/* As words.size() has it. */
function size(bytes) {
  for (const [unit, name] of [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]]) {
    if (bytes >= unit && (bytes % unit === 0 || bytes >= 10240)) {
      return `${+(bytes / unit).toPrecision(4)} ${name}`;
    }
  }
  return `${bytes.toLocaleString("en")} bytes`;
}

function columnsOf(figure) {
  const has = (key) => figure.marks.some((mark) => !isNone(mark[key]));
  return [
    ["name", "name"],
    ...COLUMNS.filter(([key]) => has(key))
      .map(([key, head]) => [key, key === "value" ? figure.unit : head]),
  ];
}

const COUNTED = ["n", "x", "rounds"];

function shown(value, key) {
  if (isNone(value)) return "";
  if (typeof value !== "number") return value;
  return COUNTED.includes(key) && Number.isInteger(value) ? `${value}` : digits(value);
}

/*
 * Makes box, the details element of a table, show the result of read(): columns as
 * pairs of key and head, and rows as objects. Returns a function that shows it again.
 */
function tableIn(box, read) {
  const table = box.querySelector("table");
  const filter = box.querySelector("input");
  const said = box.querySelector(".said");
  let order = {key: null, isDown: false};

  function chosen() {
    const {columns, rows} = read();
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const kept = rows.filter((row) => {
      const all = columns.map(([key]) => shown(row[key], key)).join(" ").toLowerCase();
      return words.every((word) => all.includes(word));
    });
    if (order.key) kept.sort(by(order));
    return {columns, rows: kept};
  }

  function show() {
    if (!box.open) return;
    const {columns, rows} = chosen();
    const heads = d3.select(table.tHead).selectAll("tr").data([null]).join("tr")
      .selectAll("th").data(columns).join("th").attr("scope", "col")
      .attr("aria-sort", ([key]) => key !== order.key ? null
        : order.isDown ? "descending" : "ascending");
    heads.text("").append("button").attr("type", "button")
      .text(([key, head]) => key !== order.key ? head : `${head} ${order.isDown ? "▼" : "▲"}`)
      .each(function ([key], at) {
        this.addEventListener("click", () => {
          order = {key, isDown: order.key === key && !order.isDown};
          show();
          table.tHead.rows[0].cells[at].firstChild.focus();
        });
      });
    const body = document.createElement("tbody");
    for (const row of rows) {
      const line = body.insertRow();
      columns.forEach(([key], index) => {
        const cell = index ? line.insertCell() : document.createElement("th");
        if (!index) {
          cell.scope = "row";
          line.append(cell);
        }
        cell.textContent = shown(row[key], key);
        if (typeof row[key] === "string") cell.className = "words";
      });
    }
    table.replaceChild(body, table.tBodies[0]);
    said.textContent = `${rows.length} rows`;
  }

  box.addEventListener("toggle", show);
  filter.addEventListener("input", show);
  box.querySelector(".copy").addEventListener("click", async () => {
    const {columns, rows} = chosen();
    await copy(csv(columns, rows));
    said.textContent = `${rows.length} rows copied`;
  });
  return show;
}

function isNone(value) {
  return value === undefined || value === null || value === "";
}

/* Rows without a value come last in either direction. */
function by({key, isDown}) {
  const sign = isDown ? -1 : 1;
  return (a, b) => {
    const [one, other] = [a[key], b[key]];
    if (isNone(one) || isNone(other)) return isNone(one) - isNone(other);
    return sign * (typeof one === "number" ? one - other : natural(one, other));
  };
}

/* RFC 4180, with full figures. */
function csv(columns, rows) {
  const quoted = (value) => {
    const words = `${value ?? ""}`;
    return /[",\n\r]/.test(words) ? `"${words.replace(/"/g, '""')}"` : words;
  };
  return [columns.map(([, head]) => head), ...rows.map((row) => columns.map(([key]) => row[key]))]
    .map((cells) => `${cells.map(quoted).join(",")}\r\n`).join("");
}

/* A page of file:// may have no clipboard: then by a selected text. */
async function copy(words) {
  try {
    await navigator.clipboard.writeText(words);
  } catch {
    const area = document.createElement("textarea");
    area.value = words;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}
