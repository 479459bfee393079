// The section on attention: what is chosen, and everything that is drawn anew where that changes.

/** Set the section up; returns `pick(place)`, which shows a sample of the test set. */
function attentionSection(data) {
  const { items, runs, kinds } = data;
  const state = { item: null, kind: kinds[0], view: 0, layer: null, head: null, step: null, highlight: null };
  const names = runNames(runs);
  const panels = names.map((name) => runPanel(name, preview, choose));
  const difference = runs.length > 1 ? differencePanel(preview, choose) : null;
  const tables = headTables(data, names, onHead);
  byId("panels").append(...panels.map((panel) => panel.element));
  byId("panels").classList.toggle("two", runs.length > 1);
  if (difference) byId("difference").append(difference.element);
  if (runs.length === 1) panels[0].heading.hidden = true;

  const sizes = new Map(kinds.map((kind) => [kind, headCounts(items, kind)]));
  choices(byId("kinds"), "kind", kinds.map((kind, at) => [at, kind.name]), (at) => setKind(kinds[at]));
  byId("kinds").hidden = kinds.length < 2;
  byId("step").addEventListener("input", (event) => setStep(Number(event.target.value) - 1));
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("controls").hidden = false;
  onColours(render);
  offerHeads();
  return samplePicker(items, runs.length, setItem);

  function setItem(item) {
    state.item = item;
    byId("texts").replaceChildren(sampleTexts(item));
    offerViews();
    setStep(-1);
  }
  function setKind(kind) {
    state.kind = kind;
    offerHeads();
    offerViews();
    setStep(-1);
  }
  function offerViews() {
    const views = viewsOf(state);
    state.view = Math.max(0, Math.min(state.view, views.length - 1));
    byId("views").hidden = views.length < 2;
    choices(byId("views"), "view", views.map((view, at) => [at, view.name]), (value) => { state.view = value; setStep(-1); });
    setChoice(byId("views"), state.view);
  }
  function offerHeads() {
    [["layer", "layers"], ["head", "heads"]].forEach(([part, name], axis) => {
      const count = sizes.get(state.kind)[axis];
      const options = [["mean", "mean"], ...Array.from({ length: count }, (_, at) => [at, String(at)])];
      choices(byId(name), part, options, (value) => { state[part] = value === "mean" ? null : value; render(); });
      byId(name).hidden = count === 1;
      if (state[part] >= count) state[part] = null;
      setChoice(byId(name), state[part] ?? "mean");
    });
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
    const view = viewsOf(state)[state.view] ?? { maps: runs.map(() => null), links: null };
    const matrices = view.maps.map((packed) => packed && matrixOf(packed, state.layer, state.head));
    const top = Math.max(...matrices.map((matrix) => matrix?.top ?? 0)); // one scale for both
    matrices.forEach((matrix) => matrix && Object.assign(matrix, { top }));
    panels.forEach((panel, run) => panel.show(matrices[run], state, saidBy(state, run), view.links, whyNone(state, run)));
    if (difference) difference.show(view, matrices, state);
    showStep(state, matrices);
    if (all) tables.show(state.kind, view.maps, state.layer, state.head);
    if (all) byId("shown").textContent = shownOnPaper(state, kinds);
  }
}

/** The maps of the chosen kind that there are of the sample: none, or of what was said, or of the right answer too. */
const viewsOf = ({ item, kind }) => item.views.filter((view) => view.kind === kind.kind);

/** How many layers and heads the maps of a kind have at most. */
const headCounts = (items, { kind }) => [0, 1].map((axis) => {
  const views = items.flatMap((item) => item.views.filter((view) => view.kind === kind));
  return views.reduce((most, view) => Math.max(most, ...view.maps.map((map) => map?.shape[axis] ?? 1)), 1);
});

/** Why a run has no map of the sample. */
function whyNone({ kind, item }, run) {
  if (item.views.some((view) => view.kind === kind.kind)) return kind.entropy[run] ? "No map of this sample." : `This model has no attention of ${kind.name}.`;
  return `No map of ${kind.name}: the page has room for those of ${kind.shown} samples.`;
}

/** What the controls say, for a page of paper, which has none. */
function shownOnPaper({ kind, layer, head }, kinds) {
  const name = kinds.length > 1 ? [`attention of ${kind.name}`] : [];
  return [...name, ...[["layer", layer], ["head", head]].map(([part, at]) => (at === null ? `mean over ${part}s` : `${part} ${at}`))].join(", ");
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
      note.textContent = first && second ? "The two have no tokens in common here." : first || second ? "Only one of the two has a map." : "Neither has a map here.";
      return;
    }
    rows = view.rows;
    const matrix = differenceOf(first, second, view.rows, view.columns);
    const row = state.highlight?.side === "query" ? rows.findIndex(([own]) => own === state.highlight.index) : -1;
    note.textContent = `${rows.length} of ${first.rows} rows of A and ${second.rows} of B; blue where A looks more, red where B does.`;
    heat.show(matrix, row < 0 ? null : { side: "query", index: row }, null, "difference", "Difference of the weights");
  }
  return { element, show };
}
