// Every head as a small map, with its entropy; choosing one shows it above.

const THUMB = 84; // pixels of the longer side

/** A table of the heads of one run: layers down, heads across. `onHead(layer, head)` where one is chosen. */
function headGrid(name, entropy, errorRates, onHead) {
  const H = entropy[0].length;
  const greatest = Math.max(...entropy.flat(), 1e-9);
  const cells = entropy.map((row, layer) => row.map((nats, head) => {
    const canvas = make("canvas", { width: THUMB, height: THUMB });
    const own = make("span", { className: "number" });
    const button = make("button", { type: "button", className: "head" }, canvas);
    button.addEventListener("click", () => onHead(layer, head));
    const lines = [fact("this one", own), fact("all", make("data", { value: String(nats) }, fixed(nats, 2))), bar(nats / greatest)];
    if (errorRates) lines.push(fact("AER", fixed(errorRates[layer][head], 3)));
    return { canvas, own, button, cell: make("td", {}, button, make("div", { className: "facts" }, ...lines)) };
  }));
  const heads = Array.from({ length: H }, (_, head) => make("th", { scope: "col" }, `head ${head}`));
  const rows = cells.map((row, layer) => make("tr", {}, make("th", { scope: "row" }, `layer ${layer}`), ...row.map((one) => one.cell)));
  const made = make("table", { className: "heads" }, make("thead", {}, make("tr", {}, make("td"), ...heads)), make("tbody", {}, ...rows));
  const box = make("div", {}, make("h3", {}, foreign(name)), scrolled(`Heads of ${name}`, made));

  let drawn = null;

  function show(packed, layer, head) {
    const isNew = drawn?.packed !== packed || drawn.colours !== scheme();
    drawn = { packed, colours: scheme() };
    cells.forEach((row, l) => row.forEach((one, h) => {
      if (isNew) drawThumb(one.canvas, packed, l, h);
      const nats = fixed(packed?.entropy[l]?.[h], 2);
      one.own.textContent = nats;
      one.button.setAttribute("aria-label", `layer ${l}, head ${h}: entropy ${nats}`);
      one.button.setAttribute("aria-pressed", String((layer ?? l) === l && (head ?? h) === h));
    }));
  }
  return { element: box, show };
}

const fact = (name, value) => make("div", { className: "fact" }, make("span", { className: "quiet" }, name), value);

/** A pixel a weight, which the page stretches. */
function drawThumb(canvas, packed, layer, head) {
  const [L, H, N, M] = packed?.shape ?? [0, 0, 1, 1];
  [canvas.width, canvas.height] = [M, N];
  const longest = Math.max(N, M, 1);
  canvas.style.width = `${Math.max(12, Math.round((THUMB * M) / longest))}px`;
  canvas.style.height = `${Math.max(12, Math.round((THUMB * N) / longest))}px`;
  if (layer >= L || head >= H || !N || !M) return;
  const { values } = matrixOf(packed, layer, head);
  const colours = scale("weights");
  const pen = canvas.getContext("2d");
  const pixels = pen.createImageData(M, N);
  for (let at = 0; at < N * M; at += 1) {
    const [red, green, blue] = colours.at(values[at] / (packed.high || 1));
    pixels.data[4 * at] = red;
    pixels.data[4 * at + 1] = green;
    pixels.data[4 * at + 2] = blue;
    pixels.data[4 * at + 3] = 255;
  }
  pen.putImageData(pixels, 0, 0);
}
