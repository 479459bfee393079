// The section on attention: what is chosen, and everything that is drawn anew where that changes.

/** Set the section up; returns `pick(place)`, which shows a sample of the test set. */
function attentionSection(data) {
  const { items, runs } = data;
  const state = { item: null, view: 0, layer: null, head: null, step: null, highlight: null };
  const names = runNames(runs);
  const panels = names.map((name) => runPanel(name, preview, choose));
  const difference = runs.length > 1 ? differencePanel(preview, choose) : null;
  const grids = data.entropy.map((one, run) => one && headGrid(names[run], one, data.error_rates[run], onHead));
  byId("panels").append(...panels.map((panel) => panel.element));
  byId("panels").classList.toggle("two", runs.length > 1);
  if (difference) byId("difference").append(difference.element);
  if (runs.length === 1) panels[0].heading.hidden = true;
  setUpHeads(data, grids);

  const sizes = [0, 1].map((axis) => Math.max(1, ...items.flatMap((item) => item.views.flatMap((view) => view.maps.map((map) => map?.shape[axis] ?? 1)))));
  const options = (count) => [["mean", "mean"], ...Array.from({ length: count }, (_, at) => [at, String(at)])];
  const number = (value) => (value === "mean" ? null : value);
  choices(byId("layers"), "layer", options(sizes[0]), (value) => { state.layer = number(value); render(); });
  choices(byId("heads"), "head", options(sizes[1]), (value) => { state.head = number(value); render(); });
  byId("layers").hidden = sizes[0] === 1;
  byId("heads").hidden = sizes[1] === 1;
  byId("step").addEventListener("input", (event) => setStep(Number(event.target.value) - 1));
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("controls").hidden = false;
  onColours(render);
  return samplePicker(items, runs.length, setItem);

  function setItem(item) {
    Object.assign(state, { item, view: Math.min(state.view, item.views.length - 1), step: null, highlight: null });
    const views = item.views.map((view, at) => [at, view.name]);
    byId("views").hidden = views.length < 2;
    choices(byId("views"), "view", views, (value) => { state.view = value; setStep(-1); });
    setChoice(byId("views"), state.view);
    byId("texts").replaceChildren(sampleTexts(item));
    setStep(-1);
  }
  function onHead(layer, head) {
    const only = state.layer === layer && state.head === head;
    Object.assign(state, only ? { layer: null, head: null } : { layer, head });
    setChoice(byId("layers"), state.layer ?? "mean");
    setChoice(byId("heads"), state.head ?? "mean");
    render();
  }
  function setStep(step) {
    state.step = step < 0 ? null : step;
    state.highlight = stepHighlight();
    render();
  }
  function stepHighlight() {
    return state.step === null ? null : { side: "query", index: state.step };
  }
  function preview(highlight) {
    const next = highlight ?? stepHighlight();
    const same = next?.side === state.highlight?.side && next?.index === state.highlight?.index;
    if (same) return;
    state.highlight = next;
    render(false);
  }
  function choose({ side, index }) {
    if (side === "query") setStep(state.step === index ? -1 : index);
  }
  function render(all = true) {
    const view = state.item.views[state.view];
    const matrices = view.maps.map((packed) => packed && matrixOf(packed, state.layer, state.head));
    const top = Math.max(...matrices.map((matrix) => matrix?.top ?? 0)); // one scale for both
    matrices.forEach((matrix) => matrix && Object.assign(matrix, { top }));
    panels.forEach((panel, run) => panel.show(matrices[run], state, saidBy(state, run), view.links));
    if (difference) difference.show(view, matrices, state);
    showStep(state, matrices);
    if (all) grids.forEach((grid, run) => grid?.show(view.maps[run], state.layer, state.head));
  }
}

const runNames = (runs) => runs.map((run, at) => {
  const same = runs.some((other, place) => place !== at && other.experiment === run.experiment);
  return same ? `${"AB"[at]}: ${run.name}` : `${runs.length > 1 ? `${"AB"[at]}: ` : ""}${run.experiment}`;
});

/** What a run said, above its map; of the right answer's view nothing. */
function saidBy(state, run) {
  return state.view === 0 ? state.item.answers[run] : "";
}

function showStep(state, matrices) {
  const slider = byId("step");
  const count = Math.max(...matrices.map((matrix) => matrix?.rows ?? 0));
  slider.max = String(count);
  slider.value = String(state.step === null ? 0 : state.step + 1);
  const tokens = matrices.map((matrix) => matrix?.queries[state.step]).filter((token) => token !== undefined);
  const name = state.step === null ? `all ${count}` : `${state.step + 1} of ${count}: ${tokens.map(visible).join(" | ")}`;
  byId("step-name").textContent = name;
  slider.setAttribute("aria-valuetext", name);
}

/** The first run's weights less the second's, where their tokens agree. */
function differencePanel(onPreview, onChoose) {
  const note = make("p", { className: "quiet" });
  let rows = [];
  const outwards = (highlight) => highlight && highlight.side === "query" ? { side: "query", index: rows[highlight.index][0] } : null;
  const heat = heatFigure((one) => onPreview(outwards(one)), (one) => onChoose(outwards(one)));
  const element = make("section", { className: "panel" }, make("h3", {}, "A less B, where their tokens agree"), note, heat.element);

  function show(view, [first, second], state) {
    const usable = first && second && view.rows?.length > 0 && view.columns?.length > 0;
    byId("difference").hidden = false;
    heat.element.hidden = !usable;
    if (!usable) {
      note.textContent = first && second ? "The two have no tokens in common here." : "Only one of the two has a map.";
      return;
    }
    rows = view.rows;
    const matrix = differenceOf(first, second, view.rows, view.columns);
    const row = state.highlight?.side === "query" ? rows.findIndex(([own]) => own === state.highlight.index) : -1;
    note.textContent = `${rows.length} of ${first.rows} rows of A and ${second.rows} of B; warm where A looks more, cool where B does.`;
    heat.show(matrix, row < 0 ? null : { side: "query", index: row }, null, "difference", "Difference of the weights");
  }
  return { element, show };
}

function setUpHeads(data, grids) {
  if (!grids.some(Boolean)) return;
  byId("head-table").hidden = false;
  byId("head-grids").append(...grids.filter(Boolean).map((grid) => grid.element));
  const rates = data.error_rates.some(Boolean) ? " AER is the alignment error rate of its strongest links, over the shown samples with gold links." : "";
  byId("head-note").textContent = `Entropy in nats, the mean over steps: of the sample chosen above, and of all ${data.items.length} shown. 0 is one key alone; the mean of M keys is ln M.${rates} Choose a head to see it above.`;
}
