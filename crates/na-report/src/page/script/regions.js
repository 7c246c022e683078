// A region of a feature: its values, and the sessions in which it sticks out.
const heat = byId("heat");
const nRegions = regions.length;
const at = (feature, region) => feature * nRegions + region;
const regionOf = new Map(regions.map((name, region) => [name, region]));
const headline = new Map(features.map((name, feature) => [name, feature]));
let current = { feature: 0, region: 0 };
function showRegion(feature, region) {
  current = { feature, region };
  byId("region-name").value = regions[region];
  byId("region-feature").value = feature;
  const cell = at(feature, region);
  const nBars = directory.bars;
  const bars = column.histogram.subarray(cell * nBars, (cell + 1) * nBars);
  const title = regions[region] + " · " + analysed[feature];
  const plot = drawn("svg", { class: "plot", viewBox: "0 -4 560 170", width: 560, role: "img", "aria-label": "Values of " + title });
  bars.forEach((bar, b) => {
    if (!bar) return;
    const height = Math.max(1, (bar / 255) * 136);
    const apart = b === 0 ? 0 : b === nBars - 1 ? 8 : 4;
    plot.append(drawn("rect", { x: b * 25 + 2 + apart, y: 140 - height, width: 21, height, class: b % (nBars - 1) ? "all" : "few" }));
  });
  const [low, median, high] = [0, 1, 2].map((q) => digits(column.quantiles[cell * 3 + q]));
  plot.append(drawn("text", { x: 0, y: 155 }, "≤ " + low));
  plot.append(drawn("text", { x: 280, y: 155, "text-anchor": "middle" }, "median " + median + ", 1.4826 MAD " + digits(column.scale[cell])));
  plot.append(drawn("text", { x: 560, y: 155, "text-anchor": "end" }, high + " ≤"));
  const words = column.regionUnusual[cell] + " sessions unusual, " + column.regionEmpty[cell] + " empty. The bars at the ends have all below the 1st and above the 99th percentile.";
  byId("region-plot").replaceChildren(element("h3", title), plot, element("p", words, { class: "mut" }));
  byId("region-who").replaceChildren(whose(headline.get(analysed[feature]), region));
}
function whose(feature, region) {
  if (feature === undefined) return element("p", "In which sessions it is unusual is told of one feature a map: " + features.join(", ") + ".", { class: "mut" });
  const found = [];
  for (let k = 0; k < nLargest; k++) {
    for (let d = 0; d < nDetailed; d++) {
      const z = column.topZ[k * nDetailed + d];
      const isIt = column.topRegion[k * nDetailed + d] === region && column.topFeature[k * nDetailed + d] === feature;
      if (isIt && Math.abs(z) > directory.cutOff) found.push([z, column.detailed[d]]);
    }
  }
  found.sort(([one, s], [other, t]) => Math.abs(other) - Math.abs(one) || s - t);
  const [table, body] = [element("table"), element("tbody")];
  const unusual = column.regionUnusual[at(analysed.indexOf(features[feature]), region)];
  const known = unusual === 1 ? "The session in which it is unusual" : found.length + " of the " + unusual + " sessions in which it is unusual: those of which it is among the " + nLargest + " largest deviations";
  table.append(element("caption", known + (found.length > 10 ? "; the first 10" : "")), body);
  for (const [z, session] of found.slice(0, 10)) {
    const row = element("tr");
    const name = element("td");
    name.append(sessionLink(session));
    row.append(name, element("td", signed(z, 1), { class: "n" }));
    body.append(row);
  }
  if (found.length > 10) {
    const all = element("button", "list all " + found.length, { class: "list" });
    all.onclick = () => show(regions[region] + " · " + features[feature], found.map(([, session]) => session));
    const under = element("div");
    under.append(table, all);
    return under;
  }
  return found.length ? table : element("p", unusual ? "Of none of the " + unusual + " sessions in which it is unusual is it among the " + nLargest + " largest deviations, which are kept." : "It is unusual in no session.", { class: "mut" });
}
if (heat) {
  const cellAt = (event) => {
    const box = heat.getBoundingClientRect();
    const clamp = (x, most) => Math.min(most - 1, Math.max(0, Math.floor(x * most)));
    return [clamp((event.clientY - box.top) / box.height, analysed.length), clamp((event.clientX - box.left) / box.width, nRegions)];
  };
  const tell = (feature, region) => {
    const cell = at(feature, region);
    byId("tip").textContent = regions[region] + ", " + analysed[feature] + ": " + column.regionUnusual[cell] + " sessions unusual, " + column.regionEmpty[cell] + " empty";
  };
  heat.onmousemove = (event) => tell(...cellAt(event));
  heat.onclick = (event) => showRegion(...cellAt(event));
  heat.tabIndex = 0;
  heat.onkeydown = (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!step) return;
    event.preventDefault();
    const move = (x, by, most) => Math.min(most - 1, Math.max(0, x + by));
    const [feature, region] = [move(current.feature, step[0], analysed.length), move(current.region, step[1], nRegions)];
    showRegion(feature, region);
    tell(feature, region);
  };
  byId("region-names").append(...regions.map((name) => element("option", undefined, { value: name })));
  byId("region-feature").append(...analysed.map((name, feature) => element("option", name, { value: feature })));
  byId("region-feature").onchange = byId("region-name").onchange = () => {
    const region = regionOf.get(byId("region-name").value);
    if (region !== undefined) showRegion(Number(byId("region-feature").value), region);
  };
  showRegion(...directory.firstCell);
  byId("region").hidden = false;
}
