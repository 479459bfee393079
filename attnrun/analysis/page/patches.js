// An image under the weights of its patches, whose names say where they stand: r2c3.

const PATCH = /^r(\d+)c(\d+)$/;
const SIDE = 224; // pixels of the image in the page

/** How the patches of a map stand: rows, columns, and how many keys come before them; null where they do not. */
function gridOf(keys) {
  const first = keys.findIndex((key) => PATCH.test(key));
  if (first < 0 || !keys.slice(first).every((key) => PATCH.test(key))) return null;
  const [, rows, columns] = PATCH.exec(keys[keys.length - 1]).map(Number);
  return rows * columns === keys.length - first ? { rows, columns, first } : null;
}

/** `show(matrix, highlight, picture)` draws what the chosen query sees, or all of them in the mean. */
function patchFigure() {
  const image = make("img", { alt: "", width: SIDE });
  const over = make("canvas", { width: SIDE, height: SIDE });
  const name = make("figcaption", { className: "quiet" });
  const element = make("figure", { className: "patches", hidden: true }, make("div", {}, image, over), name);

  function show(matrix, highlight, picture) {
    const grid = picture ? gridOf(matrix.keys) : null;
    element.hidden = !grid;
    if (!grid) return;
    const source = `data:image/png;base64,${plainBase64(picture)}`;
    if (image.src !== source) image.src = source;
    const chosen = highlight ?? (grid.first ? { side: "query", index: 0 } : null);
    const line = lineOf(matrix, chosen);
    const pen = over.getContext("2d");
    const colours = scale("weights", "dark"); // over an image, what weighs most shines
    const [wide, tall] = [SIDE / grid.columns, SIDE / grid.rows];
    const top = Math.max(...line.slice(grid.first), 1e-9);
    pen.clearRect(0, 0, SIDE, SIDE);
    line.slice(grid.first).forEach((value, at) => {
      const place = [(at % grid.columns) * wide, Math.floor(at / grid.columns) * tall];
      pen.fillStyle = `rgb(${colours.at(value / top).join(" ")} / ${0.12 + (0.58 * value) / top})`;
      pen.fillRect(...place, wide, tall);
      if (chosen?.index === at + grid.first) frame(pen, place, wide, tall);
    });
    const what = chosen ? matrix[chosen.side === "query" ? "queries" : "keys"][chosen.index] : "all, in the mean";
    name.textContent = chosen?.side === "key" ? `who looks at ${what}` : `seen by ${what}`;
  }
  return { element, show };
}

function frame(pen, [x, y], wide, tall) {
  pen.strokeStyle = palette().gold;
  pen.lineWidth = 2.5;
  pen.strokeRect(x + 1, y + 1, wide - 2, tall - 2);
}
