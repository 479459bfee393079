// Every head as a small map, with its entropy; choosing one shows it above.

const THUMB = 84; // pixels of the longer side

/** A table of the heads of one run: layers down, heads across. `onHead(layer, head)` where one is chosen. */
function headGrid(name, entropy, errorRates, onHead) {
  const [L, H] = [entropy.length, entropy[0].length];
  const greatest = Math.max(...entropy.flat(), 1e-9);
  const cells = entropy.map((row, layer) => row.map((nats, head) => {
    const canvas = make("canvas", { width: THUMB, height: THUMB });
    const own = make("span", { className: "number" });
    const button = make("button", { type: "button", className: "head" }, canvas);
    button.addEventListener("click", () => onHead(layer, head));
    const lines = [fact("this one", own), fact("all", make("data", { value: String(nats) }, nats.toFixed(2))), bar(nats / greatest)];
    if (errorRates) lines.push(fact("AER", errorRates[layer][head].toFixed(3)));
    return { canvas, own, button, cell: make("td", {}, button, make("div", { className: "facts" }, ...lines)) };
  }));
  const heads = Array.from({ length: H }, (_, head) => make("th", { scope: "col" }, `head ${head}`));
  const rows = cells.map((row, layer) => make("tr", {}, make("th", { scope: "row" }, `layer ${layer}`), ...row.map((one) => one.cell)));
  const made = make("table", { className: "heads" }, make("thead", {}, make("tr", {}, make("td"), ...heads)), make("tbody", {}, ...rows));
  const box = make("div", {}, make("h3", {}, foreign(name)), scrolled(`Heads of ${name}`, made));

  function show(packed, layer, head) {
    cells.forEach((row, l) => row.forEach((one, h) => {
      drawThumb(one.canvas, packed, l, h);
      const nats = packed && l < L && h < H ? packed.entropy[l][h].toFixed(2) : "–";
      one.own.textContent = nats;
      one.button.setAttribute("aria-label", `layer ${l}, head ${h}: entropy ${nats}`);
      one.button.setAttribute("aria-pressed", String((layer ?? l) === l && (head ?? h) === h));
    }));
  }
  return { element: box, show };
}

const fact = (name, value) => make("div", { className: "fact" }, make("span", { className: "quiet" }, name), value);

function drawThumb(canvas, packed, layer, head) {
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, canvas.width, canvas.height);
  if (!packed) return;
  const [, , N, M] = packed.shape;
  const start = (layer * packed.shape[1] + head) * N * M;
  const bytes = bytesOf(packed);
  const colours = scale("weights");
  const longest = Math.max(N, M, 1);
  canvas.width = Math.max(20, Math.round((THUMB * M) / longest));
  canvas.height = Math.max(20, Math.round((THUMB * N) / longest));
  const pixels = pen.createImageData(canvas.width, canvas.height);
  for (let y = 0; y < canvas.height; y += 1) {
    for (let x = 0; x < canvas.width; x += 1) {
      const at = start + Math.floor((y * N) / canvas.height) * M + Math.floor((x * M) / canvas.width);
      const value = packed.low + ((packed.high - packed.low) / 255) * bytes[at];
      pixels.data.set([...colours.at(value / (packed.high || 1)), 255], (y * canvas.width + x) * 4);
    }
  }
  pen.putImageData(pixels, 0, 0);
}
