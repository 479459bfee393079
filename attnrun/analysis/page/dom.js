// Elements and numbers. Texts reach the page as text nodes alone, never as markup.

const signs = document.getElementById("signs");

const byId = (name) => document.getElementById(name);

/** Return a new element with these properties and children; a string becomes a text node. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) element[name] = value;
  element.append(...children);
  return element;
}

/** As `make`, of a drawing; the properties are attributes. */
function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS(signs.namespaceURI, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A foreign text, whose own direction changes nothing around it. */
const foreign = (text, properties = {}) => make("bdi", properties, text);

/** A figure in at most four significant digits; what is no number as it stands there. */
function figure(value) {
  if (typeof value !== "number") return value === null || value === undefined ? "–" : String(value);
  if (Math.abs(value) >= 1e15) return value.toPrecision(4);
  if (Number.isInteger(value) || Math.abs(value) >= 10000) return String(Math.round(value * 100) / 100);
  return String(Number(value.toPrecision(4)));
}

/** A number with so many decimals; a dash where there is none. */
const fixed = (value, decimals) => (typeof value === "number" ? value.toFixed(decimals) : "–");

const weight = (value) => fixed(value, 3);

const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** A table with heads; a cell is a text, an element, or null; columns past the first are figures. */
function table(heads, rows, properties = {}) {
  const cells = (tag, row, kind) => row.map((cell, at) => {
    const made = make(tag, { className: at ? kind : "" }, ...(cell === null ? [] : [cell]));
    if (tag === "th") made.scope = "col";
    return made;
  });
  const body = rows.map((row) => make("tr", {}, ...cells("td", row, "number")));
  return make(
    "table",
    properties,
    make("thead", {}, make("tr", {}, ...cells("th", heads, "number"))),
    make("tbody", {}, ...body),
  );
}

/** What is wider than the page scrolls within its own box. */
function scrolled(label, ...children) {
  const box = make("div", { className: "scroll", tabIndex: 0 }, ...children);
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", label);
  return box;
}

/** Make a canvas so wide and so high at least; what is drawn on it goes. */
function grow(canvas, width, height) {
  if (canvas.width < width) canvas.width = width;
  if (canvas.height < height) canvas.height = height;
}

/** Returns `later(draw)`: draws now where the element is on the screen or on paper, else once it comes there. */
function onceSeen(element) {
  let near = false;
  let waiting = null;
  const settle = () => { waiting?.(); waiting = null; };
  new IntersectionObserver((entries) => {
    near = entries.at(-1).isIntersecting;
    if (near) settle();
  }, { rootMargin: "200px" }).observe(element);
  return (draw) => {
    waiting = draw;
    if (near || onPaper()) settle();
  };
}
