// Every head as a small map, with its entropy; choosing one shows it above.

const THUMB = 84; // pixels of the longer side

/** A table of the heads of one run: layers down, heads across. `onHead(layer, head)` where one is chosen. */
function headGrid(name, entropy, errorRates, onHead) {
  const H = entropy[0].length;
  const greatest = Math.max(...entropy.flat(), 1e-9);
  const cells = entropy.map((row, layer) => row.map((nats, head) => {
    const canvas = make("canvas", { width: 0, height: 0 });
    const frame = make("span", { className: "thumb" }, canvas);
    const own = make("span", { className: "number" });
    const button = make("button", { type: "button", className: "head" }, frame);
    button.addEventListener("click", () => onHead(layer, head));
    const lines = [fact("this one", own), fact("all", make("data", { value: String(nats) }, fixed(nats, 2))), bar(nats / greatest)];
    if (errorRates) lines.push(fact("AER", fixed(errorRates[layer][head], 3)));
    return { canvas, frame, own, button, cell: make("td", {}, button, make("div", { className: "facts" }, ...lines)) };
  }));
  const heads = Array.from({ length: H }, (_, head) => make("th", { scope: "col" }, `head ${head}`));
  const rows = cells.map((row, layer) => make("tr", {}, make("th", { scope: "row" }, `layer ${layer}`), ...row.map((one) => one.cell)));
  const made = make("table", { className: "heads" }, make("thead", {}, make("tr", {}, make("td"), ...heads)), make("tbody", {}, ...rows));
  const box = make("div", {}, make("h3", {}, foreign(name)), scrolled(`Heads of ${name}`, made));
  const whenSeen = onceSeen(byId("head-table"));
  let drawn = null;

  function show(packed, layer, head) {
    cells.forEach((row, l) => row.forEach((one, h) => {
      const nats = fixed(packed?.entropy[l]?.[h], 2);
      one.own.textContent = nats;
      one.button.setAttribute("aria-label", `layer ${l}, head ${h}: entropy ${nats}`);
      one.button.setAttribute("aria-pressed", String((layer ?? l) === l && (head ?? h) === h));
    }));
    whenSeen(() => {
      if (drawn?.packed === packed && drawn.colours === scheme()) return;
      drawn = { packed, colours: scheme() };
      cells.forEach((row, l) => row.forEach((one, h) => drawThumb(one, packed, l, h)));
    });
  }
  return { element: box, show };
}

/** The tables of all runs; `show(kind, maps, layer, head)` puts those of a kind of attention there. */
function headTables({ error_rates: rates, kinds }, names, onHead) {
  const found = new Map();
  let shown = null;

  /** By run, null for one without such heads; made when they are first asked for. */
  function of(kind) {
    if (!found.has(kind)) found.set(kind, kind.entropy.map((one, run) => one && headGrid(names[run], one, kind === kinds[0] ? rates[run] : null, onHead)));
    return found.get(kind);
  }
  function show(kind, maps, layer, head) {
    const grids = of(kind);
    if (kind !== shown) {
      byId("head-table").hidden = !grids.some(Boolean);
      byId("head-grids").replaceChildren(...grids.filter(Boolean).map((grid) => grid.element));
      byId("head-note").textContent = headNote(kind, kinds.length > 1, kind === kinds[0] && rates.some(Boolean));
      shown = kind;
    }
    grids.forEach((grid, run) => grid?.show(maps[run], layer, head));
  }
  return { show };
}

function headNote(kind, named, rated) {
  const name = named ? `Attention of ${kind.name}. ` : "";
  const rates = rated ? " AER is the alignment error rate of its strongest links, over the shown samples with gold links." : "";
  return `${name}Entropy in nats, the mean over steps: of the sample chosen above, and of all ${kind.shown} shown. 0 is one key alone; the mean of M keys is ln M.${rates} Choose a head to see it above.`;
}

const fact = (name, value) => make("div", { className: "fact" }, make("span", { className: "quiet" }, name), value);

/** A pixel a weight, which the page stretches. The canvas only grows, for a new size costs more than all else. */
function drawThumb({ canvas, frame }, packed, layer, head) {
  const [L, H, N, M] = packed?.shape ?? [0, 0, 1, 1];
  const there = layer < L && head < H && N > 0 && M > 0;
  frame.hidden = !there;
  if (!there) return;
  grow(canvas, M, N);
  const longest = Math.max(N, M);
  const [wide, tall] = [M, N].map((count) => Math.max(12, Math.round((THUMB * count) / longest)));
  Object.assign(frame.style, { width: `${wide}px`, height: `${tall}px` });
  Object.assign(canvas.style, { width: `${(wide * canvas.width) / M}px`, height: `${(tall * canvas.height) / N}px` });
  const { values } = matrixOf(packed, layer, head);
  const colours = scale("weights");
  const pen = canvas.getContext("2d");
  const pixels = pen.createImageData(M, N);
  for (let at = 0; at < N * M; at += 1) {
    const [red, green, blue] = colours.at(values[at] / (packed.high || 1));
    pixels.data.set([red, green, blue, 255], 4 * at);
  }
  pen.putImageData(pixels, 0, 0);
}
