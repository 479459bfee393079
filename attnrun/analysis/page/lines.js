// The keys on the left, the queries on the right, and a line for each weight between them.

// Of the scale, the least weight that has a line; pixels of the widest; how solid the faintest and the rest are.
const ALL = { least: 0.1, widest: 4, faint: 0.04, solid: 0.6 };
const ONE = { least: 0.01, widest: 7, faint: 0.15, solid: 0.75 }; // where those of one token alone are drawn
const BETWEEN = 150; // pixels from column to column

const rowHeight = (count) => (count > 80 ? 15 : count > 40 ? 19 : 24);

/** A figure of tokens and lines; `show(matrix, highlight, links)` draws it anew. */
function linkFigure(onPreview, onChoose) {
  const keys = tokenColumn("key", onPreview, onChoose);
  const queries = tokenColumn("query", onPreview, onChoose);
  const svg = draw("svg", { class: "lines", "aria-hidden": "true", preserveAspectRatio: "none" });
  const box = make("div", { className: "links" }, keys.element, svg, queries.element);

  function show(matrix, highlight, links) {
    const height = rowHeight(Math.max(matrix.rows, matrix.columns));
    box.style.setProperty("--row", `${height}px`);
    keys.show(matrix.keys, highlight?.side === "key" ? highlight.index : null, shades(matrix, highlight, "query"));
    queries.show(matrix.queries, highlight?.side === "query" ? highlight.index : null, shades(matrix, highlight, "key"));
    const tall = height * Math.max(matrix.rows, matrix.columns);
    svg.setAttribute("viewBox", `0 0 ${BETWEEN} ${tall}`);
    svg.setAttribute("height", tall);
    svg.replaceChildren(...weightLines(matrix, highlight, height), ...goldLines(links, highlight, height));
  }
  return { element: box, show };
}

/** How strongly the tokens opposite to a chosen one are coloured, 0 to 1; null where none is chosen. */
function shades(matrix, highlight, side) {
  if (highlight?.side !== side) return null;
  return lineOf(matrix, highlight).map((value) => value / matrix.top);
}

function weightLines(matrix, highlight, height) {
  const { values, columns, top } = matrix;
  const look = highlight ? ONE : ALL;
  const found = [];
  values.forEach((value, at) => {
    const [query, key] = [Math.floor(at / columns), at % columns];
    const share = value / top;
    if (share < look.least || !touches(highlight, key, query)) return;
    const line = draw("line", { x1: 0, x2: BETWEEN, y1: (key + 0.5) * height, y2: (query + 0.5) * height });
    line.style.strokeWidth = Math.max(0.6, look.widest * share);
    line.style.strokeOpacity = look.faint + look.solid * share ** 1.5;
    found.push(line);
  });
  return found;
}

function touches(highlight, key, query) {
  if (!highlight) return true;
  return highlight.index === (highlight.side === "key" ? key : query);
}

function goldLines(links, highlight, height) {
  return (links ?? []).filter(([key, query]) => touches(highlight, key, query)).map(([key, query, sure]) => draw("line", {
    class: sure ? "gold" : "gold possible",
    x1: 0, x2: BETWEEN, y1: (key + 0.5) * height, y2: (query + 0.5) * height,
  }));
}
