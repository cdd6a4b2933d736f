"use strict";
// Comforts, none needed to read the page: values under the pointer, sorting by column, a filter.
const tip = document.getElementById("tip");

for (const area of document.querySelectorAll("[data-hover]")) {
  const hover = JSON.parse(area.dataset.hover);
  const cursor = document.createElement("div");
  cursor.className = "cursor";
  cursor.hidden = true;
  area.append(cursor);
  const hide = () => { cursor.hidden = tip.hidden = true; };
  const show = (event) => {
    if (!hover.x.length) return;
    const box = area.getBoundingClientRect();
    const at = 100 * (event.clientX - box.left) / box.width;
    let nearest = 0;
    hover.x.forEach((x, i) => {
      if (Math.abs(x - at) < Math.abs(hover.x[nearest] - at)) nearest = i;
    });
    cursor.style.left = hover.x[nearest] + "%";
    tip.textContent = hover.text[nearest];
    cursor.hidden = tip.hidden = false;
    const left = box.left + box.width * hover.x[nearest] / 100;
    const flipped = left + tip.offsetWidth + 24 > innerWidth;
    tip.style.left = scrollX + Math.max(4, flipped ? left - tip.offsetWidth - 10 : left + 10) + "px";
    tip.style.top = scrollY + Math.max(4, box.top + 4) + "px";
  };
  area.addEventListener("pointermove", show);
  area.addEventListener("pointerdown", show);
  area.addEventListener("pointerleave", hide);
  area.addEventListener("pointercancel", hide);
}

for (const table of document.querySelectorAll("table.sortable")) {
  const rows = [...table.tBodies[0].rows];
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const kind = head.dataset.sort;
    if (!kind) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    const key = (row) => row.cells[column].dataset.value;
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      const first = kind === "number" ? "descending" : "ascending";
      const second = kind === "number" ? "ascending" : "descending";
      const order = before === first ? second : before === second ? null : first;
      table.classList.toggle("sorted", order !== null);
      const sign = order === "descending" ? -1 : 1;
      const sorted = order === null ? rows : [...rows].sort((a, b) => sign * (
        kind === "number" ? key(a) - key(b) : key(a).localeCompare(key(b))));
      if (order !== null) head.setAttribute("aria-sort", order);
      table.tBodies[0].append(...sorted);
    });
  });
}

const filter = document.getElementById("worst-filter");
if (filter) {
  const bar = filter.closest(".filter");
  const items = [...document.querySelectorAll("details.worst li")];
  bar.hidden = false;
  filter.addEventListener("input", () => {
    const wanted = filter.value.trim().toLowerCase();
    for (const item of items) {
      item.hidden = !item.textContent.toLowerCase().includes(wanted);
    }
    for (const details of document.querySelectorAll("details.worst")) {
      details.open = wanted !== "" && details.querySelector("li:not([hidden])") !== null;
    }
    const left = items.filter((item) => !item.hidden).length;
    bar.querySelector("span").textContent = wanted ? `${left} of ${items.length} examples` : "";
  });
}

addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
