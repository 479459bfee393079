// Training curves: a small chart for each figure, a line for each run and split.

const [WIDE, TALL] = [340, 190];
const EDGE = { left: 48, right: 10, top: 10, bottom: 26 };
const FIRST = ["loss", "epoch_loss"];

function curveSection(data) {
  const groups = new Map();
  data.runs.forEach((run, at) => run.curves.forEach((curve) => {
    const name = groupOf(curve.name);
    groups.set(name, [...(groups.get(name) ?? []), { ...curve, run: at }]);
  }));
  if (!groups.size) return;
  byId("curves").hidden = false;
  const primary = data.runs[0].primary?.name;
  const order = (name) => (FIRST.includes(name) ? 0 : name === primary ? 1 : 2);
  const names = [...groups.keys()].sort((a, b) => order(a) - order(b));
  byId("charts").append(...names.map((name) => chart(name, groups.get(name), data.runs.length > 1)));
}

/** What stands behind the slash; a loss of an epoch belongs to the others. */
function groupOf(name) {
  const last = name.split("/").pop();
  return FIRST.includes(last) ? "loss" : last;
}

function chart(name, curves, several) {
  const points = curves.flatMap((curve) => curve.points);
  const steps = span(points.map(([step]) => step));
  const values = points.map(([, value]) => value);
  const positive = values.filter((value) => value > 0);
  const logarithmic = positive.length === values.length && 100 * Math.min(...positive) < Math.max(...positive);
  const [low, high] = span(values.map((value) => (logarithmic ? Math.log10(value) : value)));
  const x = (step) => EDGE.left + ((step - steps[0]) / (steps[1] - steps[0])) * (WIDE - EDGE.left - EDGE.right);
  const y = (value) => TALL - EDGE.bottom - (((logarithmic ? Math.log10(value) : value) - low) / (high - low)) * (TALL - EDGE.top - EDGE.bottom);
  const title = `${name} by step${logarithmic ? ", on a logarithmic scale" : ""}`;
  const svg = draw("svg", { class: "chart", viewBox: `0 0 ${WIDE} ${TALL}`, role: "img", "aria-label": title });
  const marks = logarithmic ? powers(low, high) : ticks(low, high, 4);
  svg.append(...marks.flatMap((mark) => gridLine(logarithmic ? y(10 ** mark) : y(mark), logarithmic ? 10 ** mark : mark)));
  svg.append(...ticks(...steps, 4).filter((step) => Number.isInteger(step)).map((step) => label(x(step), TALL - 8, figure(step), "middle")));
  curves.forEach((curve) => svg.append(...line(curve, x, y, curves, several)));
  return make("figure", { className: "curve" }, make("figcaption", {}, foreign(name)), svg, legend(curves, several));
}

/** The least and the greatest of some values, apart where they are equal to within rounding. */
function span(values) {
  const [low, high] = [values.reduce((a, b) => Math.min(a, b), Infinity), values.reduce((a, b) => Math.max(a, b), -Infinity)];
  const differ = high - low > 1e-9 * Math.max(Math.abs(low), Math.abs(high));
  return differ ? [low, high] : [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
}

/** About `count` round numbers between two. */
function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const first = Math.ceil(low / step);
  const length = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length }, (_, n) => Number(((first + n) * step).toPrecision(12)));
}

function powers(low, high) {
  const every = Math.max(1, Math.ceil((high - low) / 5));
  const found = [];
  for (let power = Math.ceil(low); power <= high; power += every) found.push(power);
  return found;
}

function gridLine(height, value) {
  return [
    draw("line", { class: "grid", x1: EDGE.left, x2: WIDE - EDGE.right, y1: height, y2: height }),
    label(EDGE.left - 6, height + 4, figure(value), "end"),
  ];
}

const label = (x, y, text, anchor) => draw("text", { x, y, "text-anchor": anchor }, text);

const dashOf = (curve, curves) => [...new Set(curves.map((one) => one.name))].indexOf(curve.name) % 3;

const classOf = (curve, curves, several) => `curve-line ${several ? `run-${curve.run}` : `run-${dashOf(curve, curves)}`} dash-${several ? dashOf(curve, curves) : 0}`;

function line(curve, x, y, curves, several) {
  const places = curve.points.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`);
  const name = classOf(curve, curves, several);
  const path = draw("polyline", { class: name, points: places.join(" ") });
  const dots = curve.points.length > 30 ? [] : places.map((place) => {
    const [cx, cy] = place.split(",");
    return draw("circle", { class: `${name} dot`, cx, cy, r: 2.6 });
  });
  return [path, ...dots];
}

function legend(curves, several) {
  return make("ul", { className: "legend-list" }, ...curves.map((curve) => {
    const swatch = draw("svg", { class: "swatch", viewBox: "0 0 26 8", "aria-hidden": "true" });
    swatch.append(draw("line", { class: classOf(curve, curves, several), x1: 0, x2: 26, y1: 4, y2: 4 }));
    return make("li", {}, swatch, foreign(several ? `${"AB"[curve.run]} ${curve.name}` : curve.name));
  }));
}
