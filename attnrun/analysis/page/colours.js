// Colour scales, even in lightness (straight lines in OKLab, Ottosson 2020), for a light and a dark page.

const ANCHORS = {
  light: {
    weights: [[0.985, 0.0, 0.0], [0.8, -0.055, -0.07], [0.56, -0.05, -0.13], [0.32, 0.0, -0.13]],
    difference: [[0.5, 0.12, 0.09], [0.77, 0.06, 0.07], [0.975, 0.0, 0.0], [0.75, -0.05, -0.075], [0.46, -0.03, -0.14]],
    ink: "#1b1f24", quiet: "#59616b", gold: "#c2410c", chosen: "#111827", ground: "#ffffff",
  },
  dark: {
    weights: [[0.24, 0.0, -0.01], [0.45, -0.04, -0.1], [0.7, -0.1, -0.03], [0.95, -0.03, 0.13]],
    difference: [[0.83, 0.05, 0.11], [0.55, 0.08, 0.07], [0.25, 0.0, -0.005], [0.55, -0.04, -0.1], [0.83, -0.07, -0.07]],
    ink: "#e7eaee", quiet: "#a2abb6", gold: "#fb923c", chosen: "#ffffff", ground: "#14171b",
  },
};
const STEPS = 256;
const dark = matchMedia("(prefers-color-scheme: dark)");
const print = matchMedia("print");
let printing = false;

const onPaper = () => print.matches || printing;
const scheme = () => (dark.matches && !onPaper() ? "dark" : "light");
const palette = () => ANCHORS[scheme()];

const channel = (linear) => {
  const value = Math.min(1, Math.max(0, linear));
  return Math.round(255 * (value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055));
};

/** OKLab to the red, green and blue of a screen, 0 to 255. */
function screen([lightness, a, b]) {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    channel(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    channel(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    channel(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

/** The colour at `share` (0 to 1) of the way along the anchors. */
function between(anchors, share) {
  const place = Math.min(1, Math.max(0, share)) * (anchors.length - 1);
  const first = Math.min(Math.floor(place), anchors.length - 2);
  const [from, to] = [anchors[first], anchors[first + 1]];
  return screen(from.map((value, at) => value + (to[at] - value) * (place - first)));
}

const made = new Map();

/** A scale: `at(share)` is red, green and blue, `colour(share)` the same for CSS, `ink(share)` what is read on it. */
function scale(kind, look = scheme()) {
  const name = `${look} ${kind}`;
  if (!made.has(name)) {
    const anchors = ANCHORS[look][kind];
    made.set(name, Array.from({ length: STEPS }, (_, at) => between(anchors, at / (STEPS - 1))));
  }
  const colours = made.get(name);
  const at = (share) => colours[Math.round(Math.min(1, Math.max(0, share)) * (STEPS - 1))];
  return {
    at,
    colour: (share) => `rgb(${at(share).join(" ")})`,
    ink: (share) => {
      const [r, g, b] = at(share);
      return 0.3 * r + 0.59 * g + 0.11 * b > 140 ? "#101418" : "#ffffff";
    },
  };
}

/** Call `redraw` when the colours of the page change: another scheme, or paper. */
function onColours(redraw) {
  dark.addEventListener("change", redraw);
  print.addEventListener("change", redraw);
  for (const [name, value] of [["beforeprint", true], ["afterprint", false]]) {
    addEventListener(name, () => { printing = value; redraw(); });
  }
}
