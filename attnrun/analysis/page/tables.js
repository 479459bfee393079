// Summary, samples, BLEU by length and config.

const seconds = (value) => {
  if (typeof value !== "number") return "–";
  const tenths = Math.round(value * 10) / 10;
  if (tenths < 60) return `${tenths.toFixed(1)} s`;
  const whole = Math.round(value); // before it is parted: 119.7 s are 2 min
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  return `${hours ? `${hours} h ` : ""}${minutes} min ${whole % 60} s`;
};

function summarySection(data) {
  const { runs } = data;
  byId("title").append(...runs.flatMap((run, at) => [...(at ? [" and "] : []), foreign(run.experiment)]));
  byId("subtitle").append(...runs.flatMap((run, at) => [...(at ? [" and "] : []), foreign(run.name)]));
  const facts = [
    ["status", (run) => run.status], ["seed", (run) => run.seed], ["device", (run) => run.device],
    ["trained in", (run) => seconds(run.seconds)], ["begun", (run) => run.started],
  ].map(([name, read]) => [name, ...runs.map((run) => foreign(figure(read(run))))]);
  const section = byId("summary");
  section.append(make("div", { className: "cards" }, ...runs.map((run, at) => headline(run, runNames(runs)[at], runs.length > 1))));
  section.append(make(
    "div", { className: "columns" },
    make("div", {}, make("h2", {}, "Metrics"), scrolled("Metrics", metricTable(runs))),
    make("div", {}, make("h2", {}, "Run"), scrolled("Run", plainTable(runs, facts)), ...warnings(runs), versions(runs)),
  ));
}

function headline(run, title, several) {
  const name = run.primary?.name;
  const value = run.metrics.find(([metric]) => metric === name)?.[1];
  const whose = several ? [make("span", { className: "run quiet" }, foreign(title))] : [];
  return make("p", { className: "headline" }, ...whose, make("span", { className: "value" }, figure(value)), " ", foreign(name ?? "", { className: "quiet" }));
}

/** A table with a column a run, whose names stand above where there are two. */
function plainTable(runs, rows) {
  const made = table(["", ...runNames(runs).map((name) => foreign(name))], rows, { className: "plain" });
  if (runs.length === 1) made.tHead.remove();
  return made;
}

/** The names of metrics that are figures, or of those that are texts, as signatures are. */
function metricNames(runs, texts) {
  const found = runs.flatMap((run) => run.metrics.filter(([, value]) => (typeof value === "string") === texts));
  return [...new Set(found.map(([name]) => name))];
}

function metricTable(runs) {
  const names = metricNames(runs, false);
  const rows = names.map((name) => [foreign(name), ...runs.map((run) => foreign(figure(run.metrics.find(([metric]) => metric === name)?.[1])))]);
  const made = plainTable(runs, rows);
  names.forEach((name, at) => made.tBodies[0].rows[at].classList.toggle("primary", runs.some((run) => run.primary?.name === name)));
  return made;
}

function warnings(runs) {
  const found = runs.flatMap((run) => run.warnings);
  if (!found.length) return [];
  return [make("h3", {}, "Warnings"), make("ul", {}, ...[...new Set(found)].map((text) => make("li", {}, foreign(text))))];
}

function versions(runs) {
  const texts = metricNames(runs, true);
  const names = [...new Set([...texts, ...runs.flatMap((run) => run.versions.map(([name]) => name))])];
  const told = (run, name) => [...run.metrics, ...run.versions].find(([one]) => one === name)?.[1];
  const rows = names.map((name) => [foreign(name), ...runs.map((run) => foreign(figure(told(run, name))))]);
  const title = texts.length ? "Versions and signatures" : "Versions";
  return make("details", {}, make("summary", {}, title), scrolled(title, plainTable(runs, rows)));
}

/** The texts of a sample: what went in, and what is right. */
function sampleTexts(item, answers = null) {
  const lines = [["source", item.source], ["right", item.target]];
  (answers ?? []).forEach((answer, at) => lines.push([answers.length > 1 ? `said by ${"AB"[at]}` : "said", answer, item.scores?.[at]]));
  return make("dl", { className: "texts" }, ...lines.filter(([, text]) => text).flatMap(([name, text, score]) => [
    make("dt", { className: "quiet" }, name),
    make("dd", {}, foreign(text), ...(score === undefined ? [] : [" ", make("span", { className: "score" }, figure(score))])),
  ]));
}

function endsSection(data, pick) {
  const known = new Set(data.items.map((item) => item.place));
  const lists = [["Best answers", data.samples.best], ["Worst answers", data.samples.worst]];
  if (!data.samples.best.length) return;
  byId("ends").hidden = false;
  byId("ends").append(...lists.filter(([, list]) => list.length).map(([name, list]) => make(
    "div", {}, make("h2", {}, name), make("p", { className: "quiet" }, `Of ${data.tested} test samples${data.kept ? " that the run keeps" : ""}, by ${data.score}${data.runs.length > 1 ? " of run A" : ""}.`),
    make("ol", { className: "answers" }, ...list.map((one) => make("li", {}, ...pictureOf(one), sampleTexts(one, one.answers), ...lookButton(one, known, pick)))),
  )));
}

function pictureOf(one) {
  return one.picture ? [make("img", { alt: "", src: `data:image/png;base64,${plainBase64(one.picture)}` })] : [];
}

function lookButton(one, known, pick) {
  if (!pick || !known.has(one.place)) return [];
  const button = make("button", { type: "button" }, "Look");
  button.setAttribute("aria-label", `Look at sample ${one.place + 1}`);
  button.addEventListener("click", () => {
    pick(one.place);
    byId("attention").focus();
    byId("attention").scrollIntoView();
  });
  return [button];
}

function lengthSection(data) {
  if (!data.lengths) return;
  const top = Math.max(...data.lengths.rows.flatMap((row) => row.bleu), 1);
  const heads = ["words", "samples", ...data.runs.flatMap((_, at) => [data.runs.length > 1 ? `BLEU of ${"AB"[at]}` : "BLEU", ""])];
  const rows = data.lengths.rows.map((row) => [row.words, String(row.sentences), ...row.bleu.flatMap((value) => [make("data", { value: String(value) }, value.toFixed(1)), bar(value / top)])]);
  byId("lengths").hidden = false;
  byId("length-table").append(
    make("p", { className: "quiet" }, `sacreBLEU's corpus BLEU of ${data.lengths.form}, by the words of the source between spaces.`),
    scrolled("BLEU by length", table(heads, rows, { className: "bars" })),
  );
}

function configSection(data) {
  const { runs } = data;
  const values = runs.map((run) => new Map(run.config));
  const keys = [...new Set(runs.flatMap((run) => run.config.map(([key]) => key)))];
  const row = (key) => [foreign(key), ...values.map((one) => foreign(one.get(key) ?? "–"))];
  const differing = keys.filter((key) => new Set(values.map((one) => one.get(key))).size > 1);
  const box = byId("config-tables");
  if (runs.length > 1) {
    const told = differing.length ? scrolled("Keys that differ", plainTable(runs, differing.map(row))) : make("p", {}, "The configs are equal.");
    box.append(make("h3", {}, "What differs"), told);
  }
  box.append(make("details", {}, make("summary", {}, `All ${keys.length} keys`), scrolled("Config", plainTable(runs, keys.map(row)))));
}
