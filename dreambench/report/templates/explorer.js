"use strict";
(() => {
  const PAGE = 240;
  const byId = (id) => document.getElementById(id);
  const form = byId("explorer");
  const METRICS = JSON.parse(form.dataset.metrics); // name: title
  const section = byId("images");
  const articles = [...section.querySelectorAll(".subject")];
  const sortedBox = byId("sorted");
  const sortedList = sortedBox.querySelector("ol");
  const more = sortedBox.querySelector(".more");
  const dialog = byId("closer");

  // The grid has each picture's data; a copy elsewhere on the page refers to it.
  const original = new WeakMap();
  const entries = [];
  for (const article of articles) {
    for (const tile of article.querySelectorAll(".grid .tile[data-number]")) {
      const row = tile.closest("tr");
      const scores = {};
      for (const metric of Object.keys(METRICS)) {
        const text = tile.getAttribute("data-" + metric.replaceAll("_", "-"));
        if (text !== null) scores[metric] = text;
      }
      const entry = {
        tile, article, scores,
        kind: row.parentElement.dataset.kind,
        run: tile.closest("td").dataset.run,
        prompt: row.querySelector(".prompt").textContent,
      };
      entries.push(entry);
      original.set(tile, entry);
      makeButton(tile);
    }
  }
  const byKey = new Map(entries.map((entry) => [entry.tile.dataset.key, entry]));
  // The dialog steps through the list that it was opened from: its tiles in order, or those that pass the filters.
  const lists = new WeakMap();
  for (const list of document.querySelectorAll(".telling, .examples, .compare")) {
    const tiles = [...list.querySelectorAll(".tile[data-key]")];
    const shown = tiles.map((tile) => byKey.get(tile.dataset.key));
    for (const tile of tiles) adopt(tile, shown);
  }
  let visible = entries;
  let walked = entries;
  let sorted = [];
  let written = 0;
  let current = 0;
  let opener = null;
  let shown = null;

  function source(tile) {
    return tile.querySelector("img").getAttribute("src");
  }

  function adopt(tile, list) {
    original.set(tile, byKey.get(tile.dataset.key));
    lists.set(tile, list);
    makeButton(tile);
  }

  function makeButton(tile) {
    tile.setAttribute("role", "button");
    tile.setAttribute("tabindex", "0");
    tile.setAttribute("aria-haspopup", "dialog");
  }

  // -- filter and sort -------------------------------------------------------
  function apply() {
    const wanted = Object.fromEntries(new FormData(form));
    visible = entries.filter((entry) =>
      (!wanted.subject || entry.article.dataset.subject === wanted.subject) &&
      (!wanted.class || entry.article.dataset.class === wanted.class) &&
      (!wanted.run || entry.run === wanted.run) &&
      (!wanted.kind || entry.kind === wanted.kind));
    for (const article of articles) {
      article.hidden = Boolean(wanted.sort) ||
        (wanted.subject && article.dataset.subject !== wanted.subject) ||
        (wanted.class && article.dataset.class !== wanted.class) ||
        (wanted.kind && ![...article.querySelectorAll("tbody")].some((body) => body.dataset.kind === wanted.kind));
      for (const cell of article.querySelectorAll(".grid [data-run]")) {
        cell.hidden = Boolean(wanted.run) && cell.dataset.run !== wanted.run;
      }
      for (const body of article.querySelectorAll("tbody")) {
        body.hidden = Boolean(wanted.kind) && body.dataset.kind !== wanted.kind;
      }
    }
    sortedBox.hidden = !wanted.sort;
    if (wanted.sort) showSorted(...wanted.sort.split(" "));
    say(visible.length);
    remember(wanted);
  }

  function showSorted(metric, direction) {
    const sign = direction === "down" ? -1 : 1;
    sorted = visible.filter((entry) => metric in entry.scores);
    sorted.sort((a, b) => sign * (parse(a.scores[metric]) - parse(b.scores[metric])));
    visible = sorted;
    sortedList.replaceChildren();
    written = 0;
    showMore(metric);
    more.onclick = () => showMore(metric);
  }

  function parse(text) {
    return Number(text.replace("\u2212", "-"));
  }

  function showMore(metric) {
    const part = document.createDocumentFragment();
    for (const entry of sorted.slice(written, written + PAGE)) {
      const item = document.createElement("li");
      const copy = entry.tile.cloneNode(true);
      original.set(copy, entry);
      const score = document.createElement("span");
      score.className = "sorted-score";
      score.textContent = entry.scores[metric];
      const name = document.createElement("span");
      name.className = "sorted-name";
      name.textContent = [entry.article.dataset.subject, entry.run].filter(Boolean).join(", ");
      item.append(copy, score, name);
      part.append(item);
    }
    sortedList.append(part);
    written = Math.min(sorted.length, written + PAGE);
    more.hidden = written >= sorted.length;
  }

  function say(count) {
    byId("shown").textContent = count.toLocaleString("en") + (count === 1 ? " image" : " images");
  }

  // -- one image, large ------------------------------------------------------
  function show(entry) {
    shown = entry;
    current = walked.indexOf(entry);
    const { tile, article } = entry;
    // The photo that the image resembles most, if known; otherwise the first one.
    const photos = [...article.querySelectorAll(".photos .tile")];
    const nearest = photos.find((each) => tile.dataset.nearest && each.title === tile.dataset.nearest);
    const photo = (nearest || photos[0])?.querySelector("img");
    byId("closer-photo").querySelector(".label").textContent = nearest ? "nearest photo" : "photo";
    put("closer-image", tile.getAttribute("href") || source(tile), tile.querySelector("img").alt);
    if (photo) put("closer-photo", photo.getAttribute("src"), photo.alt);
    byId("closer-photo").hidden = !photo;
    byId("closer-prompt").textContent = entry.prompt;
    const facts = [["Subject", article.dataset.subject + ", " + article.dataset.class]];
    if (entry.run) facts.push(["Run", entry.run]);
    facts.push(["Prompt", entry.kind], ["Image", tile.dataset.number]);
    for (const [metric, title] of Object.entries(METRICS)) facts.push([title, entry.scores[metric] || "not scored"]);
    if (tile.dataset.seed) facts.push(["Seed", tile.dataset.seed]);
    byId("closer-facts").replaceChildren(...facts.map(line));
    const link = byId("closer-full");
    link.hidden = !tile.hasAttribute("href");
    if (!link.hidden) link.href = tile.getAttribute("href");
    byId("closer-back").disabled = current <= 0;
    byId("closer-next").disabled = current < 0 || current >= walked.length - 1;
    if (!dialog.open) dialog.showModal();
  }

  function put(place, address, alt) {
    const image = new Image();
    image.src = address;
    image.alt = alt;
    const figure = byId(place);
    figure.replaceChildren(image, figure.querySelector("figcaption"));
  }

  function line([name, value]) {
    const row = document.createElement("div");
    const term = document.createElement("dt");
    const detail = document.createElement("dd");
    term.textContent = name;
    detail.textContent = value;
    row.append(term, detail);
    return row;
  }

  function step(by) {
    const next = walked[current + by];
    if (current >= 0 && next) show(next);
  }

  function open(event) {
    const tile = event.target.closest(".tile[data-number]");
    if (!tile || !original.get(tile) || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    opener = tile;
    walked = lists.get(tile) || visible;
    show(original.get(tile));
  }

  document.addEventListener("click", open);
  document.addEventListener("keydown", (event) => {
    if (dialog.open) {
      if (event.key === "ArrowLeft") step(-1);
      if (event.key === "ArrowRight") step(1);
    } else if (event.key === "Enter" || event.key === " ") open(event);
  });
  byId("closer-back").addEventListener("click", () => step(-1));
  byId("closer-next").addEventListener("click", () => step(1));
  byId("closer-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => opener && opener.focus());

  form.addEventListener("change", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  // A link to a subject must work, whatever the filters hide.
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#subject-"]');
    if (link && byId(link.hash.slice(1)).hidden) {
      form.reset();
      for (const article of articles) article.hidden = false;
    }
  });
  // -- the address keeps filters, order and the comparison -------------------
  const PREFIX = "#view&";
  const kept = location.hash.startsWith(PREFIX) ? new URLSearchParams(location.hash.slice(PREFIX.length)) : null;
  let chosen = kept && kept.get("compare") ? kept.get("compare").split(",") : [];

  function remember(wanted) {
    const view = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value));
    if (chosen.length) view.set("compare", chosen.join(","));
    if (view.size || location.hash.startsWith(PREFIX)) {
      history.replaceState(null, "", view.size ? PREFIX + view : "#images");
    }
  }

  window.dreambench = {
    entries, byKey, adopt, parse, dialog,
    shown: () => shown,
    chosen: () => chosen,
    choose: (cells) => {
      chosen = cells;
      remember(Object.fromEntries(new FormData(form)));
    },
  };
  if (kept) {
    for (const [name, value] of kept) {
      if (form.elements[name]) form.elements[name].value = value;
    }
  }
  form.hidden = false;
  apply();
})();
