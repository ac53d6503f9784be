"use strict";
(() => {
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      if (!head.dataset.sort) return;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => sort(head, column));
    });

    function value(row, column, kind) {
      const text = row.cells[column].textContent.trim();
      return kind === "text" ? text : parseFloat(text.replace("\u2212", "-").replace(">", ""));
    }

    // Numbers sort highest first, words alphabetically; a third click restores the original order.
    function sort(head, column) {
      const kind = head.dataset.sort;
      const order = kind === "text" ? ["ascending", "descending", null] : ["descending", "ascending", null];
      const next = order[(order.indexOf(head.getAttribute("aria-sort")) + 1) % 3];
      for (const other of heads) other.removeAttribute("aria-sort");
      table.classList.toggle("sorted-rows", Boolean(next));
      if (!next) return body.replaceChildren(...rows);
      head.setAttribute("aria-sort", next);
      const sign = next === "ascending" ? 1 : -1;
      body.replaceChildren(...[...rows].sort((a, b) => {
        const [left, right] = [value(a, column, kind), value(b, column, kind)];
        if (kind === "text") return sign * left.localeCompare(right, "en");
        if (Number.isNaN(left) || Number.isNaN(right)) return Number.isNaN(left) - Number.isNaN(right);
        return sign * (left - right);
      }));
    }
  }
})();
