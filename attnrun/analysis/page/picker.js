// The controls: which sample, which rows, which layer, head and step.

const ORDERS = [
  ["test", "of the test set", (item) => item.place],
  ["best", "best first", (item) => -item.scores[0]],
  ["worst", "worst first", (item) => item.scores[0]],
  ["longest", "longest first", (item) => -item.views[0].maps.reduce((most, map) => Math.max(most, map ? map.shape[3] : 0), 0)],
  ["shortest", "shortest first", (item) => item.views[0].maps.reduce((most, map) => Math.max(most, map ? map.shape[3] : 0), 0)],
  ["differs", "other run better first", (item) => item.scores[0] - item.scores[1]],
];

/** Fill a fieldset with radio buttons, if it has not these already; `onChange(value)` where another is chosen. */
function choices(fieldset, name, options, onChange) {
  const offered = JSON.stringify(options);
  if (fieldset.dataset.offered === offered) return;
  fieldset.dataset.offered = offered;
  fieldset.replaceChildren(fieldset.firstElementChild, ...options.map(([value, text], at) => {
    const input = make("input", { type: "radio", name, value: String(value), checked: at === 0 });
    input.addEventListener("change", () => onChange(value));
    return make("label", {}, input, make("span", {}, text));
  }));
}

function setChoice(fieldset, value) {
  for (const input of fieldset.querySelectorAll("input")) input.checked = input.value === String(value);
}

/** The list of samples in an order of choice; `onItem(item)` where another is chosen. */
function samplePicker(items, runs, onItem) {
  const [select, order] = [byId("sample"), byId("order")];
  const scored = items.every((item) => item.scores);
  const usable = ORDERS.filter(([name]) => (scored || !["best", "worst", "differs"].includes(name)) && (name !== "differs" || runs > 1));
  order.replaceChildren(...usable.map(([value, text]) => make("option", { value }, text)));
  let sorted = items;

  function arrange() {
    const [, , by] = ORDERS.find(([name]) => name === order.value);
    const chosen = sorted[select.selectedIndex];
    sorted = items.map((item) => [by(item), item]).sort(([a, x], [b, y]) => a - b || x.place - y.place).map(([, item]) => item);
    select.replaceChildren(...sorted.map((item) => make("option", {}, optionText(item))));
    if (chosen) select.selectedIndex = order.value === "test" ? sorted.indexOf(chosen) : 0;
    onItem(sorted[select.selectedIndex]);
    limits();
  }
  function limits() {
    byId("previous").disabled = select.selectedIndex <= 0;
    byId("next").disabled = select.selectedIndex >= sorted.length - 1;
  }
  function choose(index) {
    if (index < 0 || index >= sorted.length) return;
    select.selectedIndex = index;
    onItem(sorted[index]);
    limits();
  }
  select.addEventListener("change", () => choose(select.selectedIndex));
  order.addEventListener("change", arrange);
  byId("previous").addEventListener("click", () => choose(select.selectedIndex - 1));
  byId("next").addEventListener("click", () => choose(select.selectedIndex + 1));
  arrange();
  return { pick: (place) => choose(sorted.findIndex((item) => item.place === place)) };
}

function optionText(item) {
  const name = item.picture && item.target ? `${item.source}: ${item.target}` : item.source;
  return item.scores ? `${item.place + 1}. ${cut(name, 70)} (${figure(item.scores[0])})` : name;
}
