"use strict";
(() => {
  const table = document.getElementById("compared");
  if (!table) return;
  const { byKey, adopt, dialog, shown, chosen, choose } = window.dreambench;
  const runs = JSON.parse(table.dataset.runs);
  const body = document.getElementById("by-hand");
  const button = document.getElementById("closer-compare");

  function cellOf(entry) {
    return entry.tile.dataset.key.slice(entry.run.length + 1);
  }

  function entriesOf(cell) {
    return runs.map((run) => byKey.get(run + "/" + cell) || null);
  }

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text) made.textContent = text;
    return made;
  }

  function head(cell, entry) {
    const place = element("th");
    place.scope = "row";
    const photo = entry.article.querySelector(".photos .tile");
    if (photo) place.append(photo.cloneNode(true));
    const said = element("span", "said");
    said.append(element("strong", "", entry.article.dataset.subject), " " + entry.prompt + " ");
    const remove = element("button", "remove", "Remove");
    remove.type = "button";
    remove.addEventListener("click", () => {
      choose(chosen().filter((each) => each !== cell));
      draw();
    });
    said.append(remove);
    place.append(said);
    return place;
  }

  function field(run, entry, all) {
    const place = element("td");
    place.dataset.run = run;
    if (!entry) {
      place.append(element("span", "tile absent", "missing"));
      return place;
    }
    const copy = entry.tile.cloneNode(true);
    adopt(copy, all);
    const scores = [["DINO", entry.scores.dino], ["CLIP-T", entry.scores.clip_t]].filter(([, score]) => score);
    place.append(copy, element("span", "scores", scores.map((pair) => pair.join(" ")).join(" \u00b7 ")));
    return place;
  }

  function draw() {
    body.replaceChildren(...chosen().flatMap((cell) => {
      const entries = entriesOf(cell);
      const all = entries.filter(Boolean);
      if (!all.length) return [];
      const row = element("tr");
      row.dataset.cell = cell;
      row.append(head(cell, all[0]), ...entries.map((entry, i) => field(runs[i], entry, all)));
      return [row];
    }));
  }

  button.addEventListener("click", () => {
    const cell = cellOf(shown());
    if (!chosen().includes(cell)) choose([cell, ...chosen()]);
    draw();
    dialog.close();
    document.getElementById("compare").scrollIntoView();
  });
  draw();
})();
