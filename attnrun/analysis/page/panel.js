// What is shown of one run's map: tokens and lines, heat map, image, and the chosen weights as figures.

/** `show(matrix, state, said, gold, why)` draws it anew; without a matrix the panel says why there is none. */
function runPanel(name, onPreview, onChoose) {
  const links = linkFigure(onPreview, onChoose);
  const heat = heatFigure(onPreview, onChoose);
  const patches = patchFigure();
  const steps = make("div", { className: "step-table" });
  const answer = make("p", { className: "answer" });
  const missing = make("p", { className: "quiet" });
  const figures = make(
    "div", { className: "figures" },
    scrolled("Tokens", links.element), heat.element, patches.element, steps,
  );
  const heading = make("h3", {}, foreign(name));
  const element = make("section", { className: "panel" }, heading, answer, missing, figures);

  function show(matrix, state, said, gold, why) {
    answer.replaceChildren(...(said ? [make("span", { className: "quiet" }, "said"), foreign(said)] : []));
    figures.hidden = !matrix;
    missing.textContent = matrix ? "" : why;
    missing.hidden = Boolean(matrix);
    if (!matrix) return;
    const highlight = within(state.highlight, matrix);
    links.show(matrix, highlight, gold);
    heat.show(matrix, highlight, gold, "weights", `Weights of ${name}, ${state.kind.name}: ${matrix.rows} queries by ${matrix.columns} keys`);
    patches.show(matrix, highlight, state.item.picture);
    steps.replaceChildren(stepTable(matrix, highlight));
  }
  return { element, show, heading };
}

/** A highlight, where the matrix has such a row or column. */
function within(highlight, matrix) {
  if (!highlight) return null;
  return highlight.index < (highlight.side === "query" ? matrix.rows : matrix.columns) ? highlight : null;
}

function stepTable(matrix, highlight) {
  const byKey = highlight?.side === "key";
  const names = byKey ? matrix.queries : matrix.keys;
  const line = lineOf(matrix, highlight);
  const top = Math.max(...line, 1e-9);
  const rows = names.map((token, at) => [
    foreign(visible(token)),
    make("data", { value: String(line[at]) }, weight(line[at])),
    bar(line[at] / top),
  ]);
  const made = table([byKey ? "query" : "key", "weight", ""], rows);
  made.prepend(make("caption", {}, ...captionOf(matrix, highlight)));
  return scrolled("Weights", made);
}

function captionOf(matrix, highlight) {
  if (!highlight) return ["All steps, in the mean"];
  const token = foreign(visible(matrix[highlight.side === "key" ? "keys" : "queries"][highlight.index]), { className: "token" });
  return highlight.side === "key" ? ["Who looks at ", token] : ["Where ", token, " looks"];
}

/** A bar of a share of its cell. */
function bar(share) {
  const made = make("span", { className: "bar" });
  made.style.width = `${Math.round(Math.max(0, Math.min(1, share)) * 100)}%`;
  return made;
}
