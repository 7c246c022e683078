// What the page's script reads: a directory as JSON, and typed arrays in one deflated block.
const directory = JSON.parse(byId("directory").textContent);
const { n, modalities, features, regions, analysed, versions, lists } = directory;
// Lists are ascending: each number is told by its distance from the one before.
function sessionsOf({ from, length }) {
  let session = 0;
  return [...column.lists.subarray(from, from + length)].map((step) => (session += step));
}
const packed = Uint8Array.from(atob(byId("block").textContent), (c) => c.charCodeAt(0));
const inflated = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
const block = await new Response(inflated).arrayBuffer();
const types = { u8: Uint8Array, u16: Uint16Array, i16: Int16Array, u32: Uint32Array, f32: Float32Array, f64: Float64Array };
const column = {};
for (const [name, [type, offset, length]] of Object.entries(directory.arrays)) {
  column[name] = new types[type](block, offset, length);
}
const lines = (name) => new TextDecoder().decode(column[name]).split("\n");
const keys = n ? lines("keys") : [];
const reasons = lines("reasons");
const statuses = ["loaded", "partial", "missing", "failed"];
const indexOf = new Map(keys.map((key, session) => [key, session]));

function nameOf(session) {
  const key = keys[session];
  if (!directory.ids) return "line " + key;
  const slash = key.indexOf("/");
  const id = key.slice(slash + 1);
  return "sub-" + key.slice(0, slash) + (id ? "_ses-" + id : "");
}
const addressOf = (session) => "#s=" + encodeURIComponent(keys[session]).replaceAll("%2F", "/");
const statusOf = (modality, session) => statuses[column["status" + modality][session]];
// Nothing is known of a session without a level: none of its regions is scored.
const known = (session, hundredths) => (Number.isNaN(column.level[session]) ? NaN : hundredths / 100);
const share = (session) => known(session, column.share[session]);
const worst = (session) => known(session, column.worst[session]);
const percent = (x) => (Number.isNaN(x) ? "–" : x.toFixed(2));
const worstFeature = (session) => features[column.worstFeature[session]] ?? "–";
const level = (session) => column.level[session];
const versionOf = (session) => versions[column.version[session]];
const signed = (x, digits) => (Number.isNaN(x) ? "–" : (x > 0 ? "+" : "") + x.toFixed(digits));
const digits = (x) => (Math.abs(x) >= 1000 ? Math.round(x).toLocaleString("en") : Number.isFinite(x) ? String(+x.toPrecision(3)) : "–");
