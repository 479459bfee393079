// A matrix as a heat map on a canvas: queries down, keys across, gold links as frames.

const LONGEST_NAME = 16; // letters beside the cells
const SMALLEST_NAMED = 11; // pixels of a cell; below it only every second, third … token is named

const cellSize = (matrix) => {
  const longest = Math.max(matrix.rows, matrix.columns, 1);
  return Math.max(5, Math.min(26, Math.floor(440 / longest)));
};

/** A heat map with its scale; `show(matrix, highlight, links, kind)` draws it, `label` says what of. */
function heatFigure(onPreview, onChoose) {
  const canvas = make("canvas", { className: "heat" });
  canvas.setAttribute("role", "img");
  const readout = make("output", { className: "readout quiet" });
  const ends = make("canvas", { className: "legend", width: 120, height: 10 });
  const [low, high] = [make("span"), make("span")];
  const legend = make("div", { className: "row quiet scale" }, low, ends, high);
  const frame = make("div", { className: "heat-frame" }, canvas);
  const box = scrolled("Heat map", frame);
  let current = null;

  function cellAt(event) {
    if (!current) return null;
    const { matrix, left, above, cell } = current;
    const place = canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - place.left - left) / cell);
    const row = Math.floor((event.clientY - place.top - above) / cell);
    return row < 0 || column < 0 || row >= matrix.rows || column >= matrix.columns ? null : { row, column };
  }
  canvas.addEventListener("mousemove", (event) => {
    const cell = cellAt(event);
    readout.textContent = cell ? told(current.matrix, cell) : "";
    onPreview(cell ? { side: "query", index: cell.row } : null);
  });
  canvas.addEventListener("mouseleave", () => { readout.textContent = ""; onPreview(null); });
  canvas.addEventListener("click", (event) => {
    const cell = cellAt(event);
    if (cell) onChoose({ side: "query", index: cell.row });
  });

  function show(matrix, highlight, links, kind, label) {
    current = { matrix, ...drawHeat(canvas, frame, matrix, highlight, links, kind) };
    canvas.setAttribute("aria-label", label);
    const colours = `${scheme()} ${kind}`;
    if (ends.dataset.colours !== colours) drawLegend(ends, kind);
    ends.dataset.colours = colours;
    low.textContent = kind === "difference" ? weight(-matrix.top) : "0";
    high.textContent = weight(matrix.top);
  }
  return { element: make("div", { className: "heat-box" }, box, legend, readout), show };
}

function told(matrix, { row, column }) {
  const value = weight(matrix.values[row * matrix.columns + column]);
  return `${visible(matrix.queries[row])} → ${visible(matrix.keys[column])}: ${value}`;
}

/** The share of the colours that a value takes. */
const shareOf = (value, top, kind) => (kind === "difference" ? 0.5 + value / top / 2 : value / top);

/** The canvas only grows, behind a frame of the size of the map: a new size of it costs more than all else. */
function drawHeat(canvas, frame, matrix, highlight, links, kind) {
  const cell = cellSize(matrix);
  const pen = canvas.getContext("2d");
  const font = `${Math.max(10, Math.min(13, cell - 3))}px system-ui, sans-serif`;
  pen.font = font;
  const width = (names) => Math.max(0, ...names.map((name) => pen.measureText(shortName(name)).width));
  const left = Math.ceil(width(matrix.queries)) + 8;
  const above = Math.ceil(width(matrix.keys) * 0.87) + 14;
  const right = Math.ceil(width(matrix.keys.slice(-4)) * 0.5) + 8; // slanted names lean over the edge
  const [wide, tall] = [left + cell * matrix.columns + right, above + cell * matrix.rows + 4];
  const sharp = Math.max(1, devicePixelRatio || 1);
  grow(canvas, Math.ceil(wide * sharp), Math.ceil(tall * sharp));
  Object.assign(canvas.style, { width: `${canvas.width / sharp}px`, height: `${canvas.height / sharp}px` });
  Object.assign(frame.style, { width: `${wide}px`, height: `${tall}px` });
  pen.setTransform(sharp, 0, 0, sharp, 0, 0);
  pen.clearRect(0, 0, canvas.width, canvas.height);
  const place = { left, above, cell };
  drawCells(pen, matrix, place, kind);
  drawNames(pen, matrix, place, font, highlight);
  drawMarks(pen, matrix, place, highlight, links);
  return place;
}

const shortName = (name) => cut(visible(name), LONGEST_NAME);

function drawCells(pen, matrix, { left, above, cell }, kind) {
  const colours = scale(kind);
  const gap = cell > 12 ? 1 : 0;
  matrix.values.forEach((value, at) => {
    pen.fillStyle = colours.colour(shareOf(value, matrix.top, kind));
    const [row, column] = [Math.floor(at / matrix.columns), at % matrix.columns];
    pen.fillRect(left + column * cell, above + row * cell, cell - gap, cell - gap);
  });
}

function drawNames(pen, matrix, { left, above, cell }, font, highlight) {
  const { ink, quiet } = palette();
  const every = Math.ceil(SMALLEST_NAMED / cell);
  pen.font = font;
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  matrix.queries.forEach((name, row) => {
    const chosen = highlight?.side === "query" && highlight.index === row;
    if ((row % every || nearChosen(highlight, "query", row, every)) && !chosen) return;
    pen.fillStyle = chosen ? ink : quiet;
    pen.fillText(shortName(name), left - 6, above + (row + 0.5) * cell);
  });
  pen.textAlign = "left";
  matrix.keys.forEach((name, column) => {
    const chosen = highlight?.side === "key" && highlight.index === column;
    if ((column % every || nearChosen(highlight, "key", column, every)) && !chosen) return;
    pen.save();
    pen.translate(left + (column + 0.5) * cell, above - 6);
    pen.rotate(-Math.PI / 3);
    pen.fillStyle = chosen ? ink : quiet;
    pen.fillText(shortName(name), 0, 0);
    pen.restore();
  });
}

/** Whether the name of a chosen token needs the room of this one. */
const nearChosen = (highlight, side, index, every) => highlight?.side === side && Math.abs(highlight.index - index) < every;

function drawMarks(pen, matrix, { left, above, cell }, highlight, links) {
  const { gold, chosen } = palette();
  pen.strokeStyle = gold;
  pen.lineWidth = Math.max(1.5, Math.min(2.5, cell / 8));
  for (const [key, query, sure] of links ?? []) {
    pen.setLineDash(sure ? [] : [3, 2]);
    pen.strokeRect(left + key * cell + 1, above + query * cell + 1, cell - 3, cell - 3);
  }
  pen.setLineDash([]);
  if (!highlight) return;
  pen.strokeStyle = chosen;
  pen.lineWidth = 1.5;
  const { index } = highlight;
  if (highlight.side === "query") pen.strokeRect(left - 1, above + index * cell - 1, cell * matrix.columns + 1, cell + 1);
  else pen.strokeRect(left + index * cell - 1, above - 1, cell + 1, cell * matrix.rows + 1);
}

function drawLegend(canvas, kind) {
  const pen = canvas.getContext("2d");
  const colours = scale(kind);
  for (let x = 0; x < canvas.width; x += 1) {
    pen.fillStyle = colours.colour(x / (canvas.width - 1));
    pen.fillRect(x, 0, 1, canvas.height);
  }
}
