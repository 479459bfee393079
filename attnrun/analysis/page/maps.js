// Packed maps: a byte a weight, by layer, head, query and key. Letters: L layers, H heads, N queries, M keys.

const NEAR_ONE = 0.8; // a largest weight from here on is drawn on the scale from 0 to 1

const plainBase64 = (text) => text.replaceAll("-", "+").replaceAll("_", "/");

const opened = new WeakMap();

function bytesOf(packed) {
  if (!opened.has(packed)) {
    const binary = atob(plainBase64(packed.weights));
    opened.set(packed, Uint8Array.from(binary, (sign) => sign.charCodeAt(0)));
  }
  return opened.get(packed);
}

const numbers = (chosen, count) => (chosen === null || chosen >= count ? [...Array(count).keys()] : [chosen]);

/** The weights (N, M) of a layer and a head, null or one that is not there for the mean over all. */
function matrixOf(packed, layer, head) {
  const [L, H, N, M] = packed.shape;
  const bytes = bytesOf(packed);
  const sums = new Float64Array(N * M);
  const layers = numbers(layer, L);
  const heads = numbers(head, H);
  for (const l of layers) {
    for (const h of heads) {
      const start = (l * H + h) * N * M;
      for (let at = 0; at < sums.length; at += 1) sums[at] += bytes[start + at];
    }
  }
  const step = (packed.high - packed.low) / 255 / (layers.length * heads.length);
  const values = sums.map((sum) => packed.low + step * sum);
  return { values, rows: N, columns: M, top: topOf(values), queries: packed.queries, keys: packed.keys };
}

function topOf(values) {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, value);
  return largest > 0 && largest < NEAR_ONE ? largest : Math.max(1, largest);
}

/** The weights of a query over the keys, or of a key over the queries; without a choice the mean over queries. */
function lineOf(matrix, highlight) {
  const { values, rows, columns } = matrix;
  if (highlight?.side === "key") {
    return Array.from({ length: rows }, (_, row) => values[row * columns + highlight.index]);
  }
  if (highlight) return Array.from(values.subarray(highlight.index * columns, (highlight.index + 1) * columns));
  const mean = new Array(columns).fill(0);
  for (let at = 0; at < values.length; at += 1) mean[at % columns] += values[at] / rows;
  return mean;
}

/** The first less the second where their tokens agree: as wide and as high as what agrees. */
function differenceOf(first, second, rows, columns) {
  const values = new Float64Array(rows.length * columns.length);
  rows.forEach(([i, j], row) => columns.forEach(([k, l], column) => {
    values[row * columns.length + column] = first.values[i * first.columns + k] - second.values[j * second.columns + l];
  }));
  const top = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  return {
    values, top, rows: rows.length, columns: columns.length,
    queries: rows.map(([i]) => first.queries[i]), keys: columns.map(([k]) => first.keys[k]),
  };
}
