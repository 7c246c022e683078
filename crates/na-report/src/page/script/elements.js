// Elements: whatever a store is called stays text.
function byId(id) {
  return document.getElementById(id);
}
function element(tag, text, attributes) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  for (const [name, value] of Object.entries(attributes ?? {})) made.setAttribute(name, value);
  return made;
}
function drawn(tag, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}
function sessionLink(session) {
  return element("a", nameOf(session), { class: "s", href: addressOf(session) });
}
function statusMark(status) {
  return element("span", status ?? "", { class: "st " + (status ?? "") });
}
