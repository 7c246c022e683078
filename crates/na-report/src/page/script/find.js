// Finds sessions by parts of their names.
const field = byId("q");
const hits = byId("hits");
const folded = keys.map((key, session) => [key.toLowerCase(), nameOf(session).toLowerCase()]);
function find() {
  const asked = field.value.trim().toLowerCase();
  const found = [];
  for (let s = 0; asked && s < n && found.length < 20; s++) if (folded[s].some((text) => text.includes(asked))) found.push(s);
  const more = found.length === 20 ? [element("span", "and perhaps more: type on", { class: "mut", role: "option", "aria-disabled": true })] : [];
  const links = found.map((session) => {
    const link = sessionLink(session);
    link.setAttribute("role", "option");
    link.onclick = close;
    return link;
  });
  hits.replaceChildren(...(asked && !links.length ? [element("span", "none", { class: "mut", role: "option", "aria-disabled": true })] : [...links, ...more]));
  field.setAttribute("aria-expanded", hits.childElementCount > 0);
}
function close() {
  hits.replaceChildren();
  field.setAttribute("aria-expanded", false);
}
field.oninput = find;
addEventListener("click", (event) => {
  if (!byId("find").contains(event.target)) close();
});
byId("find").onsubmit = (event) => {
  event.preventDefault();
  hits.querySelector("a")?.click();
};
byId("find").onkeydown = (event) => {
  const links = [...hits.querySelectorAll("a")];
  const at = links.indexOf(document.activeElement);
  if (event.key === "Escape") {
    close();
    field.focus();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const next = at + (event.key === "ArrowDown" ? 1 : -1);
    (links[next] ?? field).focus();
  }
};
