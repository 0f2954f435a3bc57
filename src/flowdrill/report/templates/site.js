(() => {
  "use strict";
  const form = document.getElementById("filters"), shown = document.getElementById("shown");
  if (!form) return;
  const columns = { drill: 2, scenario: 3, target: 4 };
  const rows = Array.from(document.querySelectorAll("#runs tbody tr"), (row) => ({
    row,
    verdict: row.cells[1].textContent.trim(),
    drill: row.cells[columns.drill].textContent,
    scenario: row.cells[columns.scenario].textContent,
    target: row.cells[columns.target].textContent,
    text: row.textContent.toLowerCase(),
  }));
  const fields = Array.from(form.elements).filter((one) => one.name);
  const apply = () => {
    const wanted = fields.filter((one) => one.value !== "").map((one) => [one.name, one.value]);
    let count = 0;
    for (const one of rows) {
      const fits = wanted.every(([name, value]) =>
        name === "text" ? value.toLowerCase().split(/\s+/).every((word) => one.text.includes(word)) : one[name] === value);
      one.row.hidden = !fits;
      count += fits;
    }
    shown.textContent = count + " of " + rows.length + " runs";
    return wanted;
  };
  const remember = () => {
    const wanted = apply();
    history.replaceState(null, "", wanted.length ? "#" + new URLSearchParams(wanted) : location.pathname);
  };
  const recall = () => {
    const asked = new URLSearchParams(location.hash.slice(1));
    for (const one of fields) one.value = asked.get(one.name) || "";
    apply();
  };
  form.addEventListener("input", remember);
  form.addEventListener("reset", () => setTimeout(remember));
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", recall);
  form.hidden = false;
  recall();
})();
