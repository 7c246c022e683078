// Lists as files. A cell that a spreadsheet would run as a formula begins with an apostrophe.
function cell(value) {
  const text = String(value).replace(/[\t\r\n]+/g, " ");
  return /^[=+@"-]/.test(text) && Number.isNaN(Number(text.replace(/[,%\s]/g, ""))) ? "'" + text : text;
}
function save(name, rows) {
  const text = rows.map((row) => row.map(cell).join("\t") + "\n").join("");
  const link = element("a", "", { download: name + ".tsv" });
  link.href = URL.createObjectURL(new Blob([text], { type: "text/tab-separated-values" }));
  link.click();
  URL.revokeObjectURL(link.href);
}
function saveButton(name, rows) {
  const button = element("button", "Save as TSV", { class: "save", "aria-label": "Save as TSV: " + name.replaceAll("_", " ") });
  button.onclick = () => save(name, rows());
  return button;
}
function rowsOf(table) {
  const rows = [...table.tBodies[0].rows];
  const isDrawn = (of) => of.querySelector("svg, button.list");
  const drawn = new Set(rows.flatMap((row) => [...row.cells].flatMap((of, at) => (isDrawn(of) ? [at] : []))));
  const words = (row) => [...row.cells].filter((_, at) => !drawn.has(at)).map((of) => of.textContent.trim());
  return [table.tHead.rows[0], ...rows].map(words);
}
for (const table of document.querySelectorAll("table[data-save]")) {
  table.parentElement.after(saveButton(table.dataset.save, () => rowsOf(table)));
}
const findings = document.querySelector(".findings");
if (findings) {
  const words = (line) => [".tag", ".cnt", ".what"].map((part) => line.querySelector(part).textContent.trim());
  findings.after(saveButton("needs_a_look", () => [["severity", "number", "finding"], ...[...findings.children].map(words)]));
}
