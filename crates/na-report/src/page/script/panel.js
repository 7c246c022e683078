// A session: what became of it, and what sticks out of it.
const detailOf = new Map([...column.detailed].map((session, at) => [session, at]));
const nDetailed = column.detailed.length;
const nLargest = directory.largest;
const beforeIt = [...byId("detail").childNodes];
const findingsOf = new Map();
for (const list of lists.slice(0, directory.findings)) {
  for (const session of sessionsOf(list)) findingsOf.set(session, [...(findingsOf.get(session) ?? []), list.title]);
}
function panel(session) {
  const detail = byId("detail");
  const facts = element("p");
  modalities.forEach((modality, m) => {
    const status = statusOf(m, session);
    if (!status) return;
    const reason = reasons[column["reason" + m][session]];
    facts.append(element("span", modality + " " + status + (reason ? ": " + reason : ""), { class: "st " + status }), element("br"));
  });
  const version = versionOf(session);
  facts.append(version ? "version " + version : "no tables");
  if (directory.scored && Number.isNaN(level(session))) facts.append(" · nothing of it is scored");
  else if (directory.scored) {
    const inWorst = worst(session) ? percent(worst(session)) + " % in " + worstFeature(session) + ", " : "";
    facts.append(" · level " + signed(level(session), 2) + " · unusual regions: " + inWorst + percent(share(session)) + " % over all features");
  }
  const back = element("button", directory.scored ? "back to the most unusual" : "close", { class: "list" });
  back.onclick = () => {
    history.pushState(null, "", location.pathname + location.search);
    detail.replaceChildren(...beforeIt);
    mark();
  };
  detail.replaceChildren(element("h3", nameOf(session)), facts);
  const found = findingsOf.get(session);
  if (found) detail.append(element("p", "In Needs a look: " + found.join("; "), { class: "found" }));
  if (!directory.scored && directory.means.length) detail.append(meansOf(session));
  const at = detailOf.get(session);
  const isScored = directory.scored && !Number.isNaN(level(session));
  if (at !== undefined && isScored) detail.append(...deviations(at));
  else if (isScored) detail.append(element("p", "Its deviations are in the store alone.", { class: "mut" }));
  detail.append(back);
}
function meansOf(session) {
  const [table, body] = [element("table"), element("tbody")];
  table.append(element("caption", "Means over regions"), body);
  directory.means.forEach((name, f) => {
    const row = element("tr");
    row.append(element("th", name, { scope: "row" }), element("td", digits(column.means[f * n + session]), { class: "n" }));
    body.append(row);
  });
  return table;
}
function deviations(at) {
  const table = element("table");
  const body = element("tbody");
  table.append(element("caption", "Largest deviations from its own level"), body);
  for (let k = 0; k < nLargest; k++) {
    const z = column.topZ[k * nDetailed + at];
    if (!z) break;
    const row = element("tr");
    const feature = features[column.topFeature[k * nDetailed + at]];
    row.append(element("th", regions[column.topRegion[k * nDetailed + at]], { scope: "row" }), element("td", feature, { class: "mut" }), element("td", signed(z, 1), { class: "n" }));
    body.append(row);
  }
  const bars = element("div", undefined, { class: "bars" });
  features.forEach((feature, f) => {
    const scored = column.nScored[f * nDetailed + at];
    if (!scored) return;
    const unusual = column.nUnusual[f * nDetailed + at];
    const bar = element("i");
    bar.style.width = (100 * unusual) / scored + "%";
    const track = element("span");
    track.append(bar);
    const level = column.levels[f * nDetailed + at];
    bars.append(element("span", feature), track, element("span", unusual + " of " + scored, { class: "n" }), element("span", signed(level, 1), { class: "n" }));
  });
  return [table, element("h4", "Unusual regions, and level, by feature"), bars];
}
// On the map, the circle of the session that is in the panel.
function mark(session) {
  const address = session === undefined ? "" : addressOf(session);
  document.querySelectorAll("#sessions svg a.s").forEach((link) => link.classList.toggle("here", link.getAttribute("href") === address));
}
function open() {
  const address = /^#s=(.*)$/s.exec(location.hash);
  let key = "";
  try {
    key = address ? decodeURIComponent(address[1]) : "";
  } catch {
    return;
  }
  if (!address) return;
  if (!indexOf.has(key)) {
    byId("detail").replaceChildren(element("p", "No session " + key + " is in this store."), ...beforeIt);
    return;
  }
  panel(indexOf.get(key));
  mark(indexOf.get(key));
  byId("detail").focus({ preventScroll: true });
  byId("detail").scrollIntoView({ block: "nearest" });
}
addEventListener("hashchange", open);
