// A click on a column's title, or Enter, sorts its table; undefined values stay at the end.
document.querySelectorAll("th.sort").forEach(function (title) {
  title.tabIndex = 0;
  function value(row) {
    const cell = row.cells[title.cellIndex];
    return cell.dataset.v === undefined ? cell.textContent : +cell.dataset.v;
  }
  function sort() {
    const body = title.closest("table").tBodies[0];
    const sign = title.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    title.parentNode.querySelectorAll("th").forEach(function (other) { other.removeAttribute("aria-sort"); });
    title.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    Array.from(body.rows).sort(function (a, b) {
      const x = value(a), y = value(b);
      if (x !== x || y !== y) return (x !== x) - (y !== y);  // only NaN differs from itself
      return sign * (typeof x === "number" ? x - y : x.localeCompare(y));
    }).forEach(function (row) { body.appendChild(row); });
  }
  title.addEventListener("click", sort);
  title.addEventListener("keydown", function (event) { if (event.key === "Enter") sort(); });
});
