// All sessions, sortable: only the rows in sight are elements.
const rowHeight = 26;
const allSessions = byId("all");
const columns = [{ name: "session", key: (s) => s, made: sessionLink, text: nameOf, width: "minmax(270px, 2fr)" }];
modalities.forEach((modality, m) => {
  const text = (s) => statusOf(m, s) ?? "";
  columns.push({ name: modality, key: (s) => column["status" + m][s], made: (s) => statusMark(statusOf(m, s)), text, width: "110px" });
});
const words = (name, text, width) => columns.push({ name, key: text, made: (s) => element("span", text(s)), text, width: width ?? "minmax(200px, 1fr)" });
function numbers(name, key, text) {
  columns.push({ name, key, made: (s) => element("span", text(s)), text, width: "minmax(118px, 0.6fr)", right: true });
}
if (directory.scored) {
  numbers("unusual %", share, (s) => percent(share(s)));
  // Of equal ones that comes first of which more is unusual over all features.
  numbers("worst feature %", (s) => worst(s) + share(s) / 1e5, (s) => percent(worst(s)));
  words("worst feature", worstFeature);
  numbers("level", level, (s) => signed(level(s), 2));
} else {
  directory.means.forEach((name, f) => numbers(name, (s) => column.means[f * n + s], (s) => digits(column.means[f * n + s])));
}
words("version", versionOf, "minmax(90px, 0.5fr)");

// The sessions of a finding, which are chosen while the menu says so.
let listed = null;
let shown = [];
let sorting = { at: directory.scored ? modalities.length + 2 : 0, down: directory.scored };
const filters = { all: () => true, flag: (s) => column.flagged[s], failed: (s) => modalities.some((_, m) => statusOf(m, s) === "failed") };
modalities.forEach((_, m) => (filters["incomplete-" + m] = (s) => statusOf(m, s) !== "loaded"));

const head = element("div", undefined, { class: "row head", role: "row" });
const body = element("div", undefined, { role: "rowgroup" });
const length = element("div", undefined, { role: "presentation" });
columns.forEach(({ name, right }, at) => {
  const button = element("button", name);
  const header = element("span", undefined, { role: "columnheader", class: right ? "n" : "" });
  button.onclick = () => {
    sorting = { at, down: sorting.at === at ? !sorting.down : Boolean(right) };
    list();
  };
  header.append(button);
  head.append(header);
});
for (const [name, value] of Object.entries({ role: "table", "aria-label": "All sessions", tabindex: 0 })) allSessions.setAttribute(name, value);
allSessions.append(head, body, length);
allSessions.style.setProperty("--columns", columns.map(({ width }) => width).join(" "));

function list() {
  const asked = byId("show").value;
  shown = asked === "list" && listed ? [...listed] : keys.map((_, s) => s).filter(filters[asked] ?? filters.all);
  const key = columns[sorting.at].key;
  const by = new Map(shown.map((s) => [s, key(s)]));
  // What has no value comes last, whichever way.
  const isEmpty = (value) => Number.isNaN(value) || value === "" || value === "–";
  const order = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
  shown.sort((a, b) => {
    const [one, other] = [by.get(a), by.get(b)];
    return isEmpty(one) - isEmpty(other) || (isEmpty(one) ? 0 : (sorting.down ? -1 : 1) * order(one, other)) || a - b;
  });
  [...head.children].forEach((header, at) => {
    const state = sorting.at === at ? (sorting.down ? "descending" : "ascending") : "none";
    header.setAttribute("aria-sort", state);
    header.firstChild.textContent = { descending: "▼ ", ascending: "▲ ", none: "" }[state] + columns[at].name;
  });
  byId("counter").textContent = shown.length.toLocaleString("en") + (shown.length === 1 ? " session" : " sessions");
  allSessions.setAttribute("aria-rowcount", shown.length + 1);
  allSessions.scrollTop = 0;
  draw();
}
function draw() {
  length.style.height = shown.length * rowHeight + "px";
  allSessions.style.height = Math.min(460, 64 + Math.max(1, shown.length) * rowHeight) + "px";
  const first = Math.max(0, Math.floor(allSessions.scrollTop / rowHeight) - 6);
  const rows = shown.slice(first, first + 34).map((session, at) => {
    const row = element("div", undefined, { class: "row", role: "row", "aria-rowindex": first + at + 2 });
    row.style.top = 44 + (first + at) * rowHeight + "px";
    columns.forEach(({ made, right }) => {
      const field = element("span", undefined, { role: "cell", class: right ? "n" : "" });
      field.append(made(session));
      row.append(field);
    });
    return row;
  });
  body.replaceChildren(...(rows.length ? rows : [element("p", "No session.", { class: "mut" })]));
}
function show(title, sessions) {
  listed = sessions;
  const option = byId("show").querySelector("option[value=list]");
  option.hidden = false;
  option.textContent = title;
  byId("show").value = "list";
  list();
  byId("show").focus({ preventScroll: true });
  byId("ctl").scrollIntoView({ block: "start" });
}
allSessions.onscroll = () => requestAnimationFrame(draw);
byId("show").onchange = list;
byId("save").onclick = () => {
  const reasonsOf = (s) => modalities.map((_, m) => reasons[column["reason" + m][s]]).filter(Boolean).join("; ");
  const named = directory.ids ? ["subject_code", "session_id"] : ["line"];
  const key = (s) => (directory.ids ? keys[s].split(/\/(.*)/s).slice(0, 2).map((part) => part || "n/a") : [keys[s]]);
  const rows = shown.map((s) => [...key(s), ...columns.slice(1).map(({ text }) => text(s)), reasonsOf(s) || "n/a"]);
  save("sessions_to_look_at", [[...named, ...columns.slice(1).map(({ name }) => name), "reason"], ...rows]);
};
for (const opener of document.querySelectorAll(".list")) {
  const { title, from, length } = lists[opener.dataset.list];
  opener.onclick = () => show(title, sessionsOf({ from, length }));
  if (opener.tagName === "BUTTON") {
    opener.hidden = false;
    continue;
  }
  opener.setAttribute("role", "button");
  opener.setAttribute("tabindex", 0);
  opener.onkeydown = (event) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      opener.onclick();
    }
  };
}
