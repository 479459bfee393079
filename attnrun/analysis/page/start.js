// Read the data and fill the page.

const data = JSON.parse(byId("data").textContent);

summarySection(data);
const whys = data.whys.map((why, at) => [why, at]).filter(([why]) => why);
byId("whys").append(...whys.map(([why, at]) => make(
  "p", { className: "why" }, ...(data.runs.length > 1 ? [foreign(runNames(data.runs)[at]), " has no map: "] : ["No map: "]), foreign(why),
)));
const samples = data.items.length ? attentionSection(data) : null;
byId("whys").append(...data.notes.map((note) => make("p", { className: "quiet" }, note)));
endsSection(data, samples?.pick);
lengthSection(data);
curveSection(data);
configSection(data);
