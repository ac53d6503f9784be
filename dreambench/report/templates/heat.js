"use strict";
(() => {
  const figure = document.getElementById("heat");
  if (!figure) return;
  const { entries, parse } = window.dreambench;
  const form = figure.querySelector("form");
  const table = figure.querySelector("table");

  function fieldsOf(metric, run) {
    const fields = new Map(); // subject: Map(prompt index: { sum, count, prompt, article })
    for (const entry of entries) {
      if (!(metric in entry.scores) || (run && entry.run !== run)) continue;
      const subject = entry.article.dataset.subject;
      const index = Number(entry.tile.dataset.key.split("/").pop().split("-")[0]);
      if (!fields.has(subject)) fields.set(subject, new Map());
      const row = fields.get(subject);
      if (!row.has(index)) row.set(index, { sum: 0, count: 0, prompt: entry.prompt, article: entry.article });
      row.get(index).sum += parse(entry.scores[metric]);
      row.get(index).count += 1;
    }
    return fields;
  }

  function cell(name, text, scope) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (scope) made.scope = scope;
    return made;
  }

  function number(value) {
    return value.toFixed(3).replace("-", "\u2212");
  }

  function draw() {
    const { metric, run } = Object.fromEntries(new FormData(form));
    const title = form.elements.metric.selectedOptions[0].textContent;
    const fields = fieldsOf(metric, run);
    const columns = [...new Set([...fields.values()].flatMap((row) => [...row.keys()]))].sort((a, b) => a - b);
    const means = [...fields.values()].flatMap((row) => [...row.values()].map((field) => field.sum / field.count));
    const [low, high] = [Math.min(...means), Math.max(...means)];
    const head = cell("tr");
    head.append(cell("th", "", "col"), ...columns.map((index) => cell("th", index, "col")));
    const rows = [...fields].map(([subject, row]) => {
      const line = cell("tr");
      const name = cell("th", undefined, "row");
      const link = cell("a", subject);
      link.href = "#" + row.values().next().value.article.id;
      name.append(link);
      line.append(name, ...columns.map((index) => {
        const place = cell("td");
        const field = row.get(index);
        if (!field) return place;
        const mean = field.sum / field.count;
        place.style.setProperty("--share", high > low ? (mean - low) / (high - low) : 1);
        place.title = `${subject}: ${field.prompt}, ${title} ${number(mean)}`;
        place.append(Object.assign(cell("span", number(mean)), { className: "visually-hidden" }));
        return place;
      }));
      return line;
    });
    const top = document.createElement("thead");
    const body = document.createElement("tbody");
    top.append(head);
    body.append(...rows);
    table.replaceChildren(top, body);
    form.querySelector("output").textContent = means.length ? `faint ${number(low)}, strong ${number(high)}` : "";
  }

  if (!entries.some((entry) => Object.keys(entry.scores).length)) return;
  form.addEventListener("change", draw);
  form.addEventListener("submit", (event) => event.preventDefault());
  figure.hidden = false;
  draw();
})();
