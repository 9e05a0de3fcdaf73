// Facts as the page and its printed report write them.

const $ = (id) => document.getElementById(id);

export const trim = (number) => String(Number(number.toFixed(2)));
export const millimetres = (values) => `${values.map(trim).join(" × ")} mm`;

/** Shows names and values. */
export function showFacts(list, facts) {
  list.replaceChildren(...facts.flatMap(([name, value]) => {
    const term = document.createElement("dt");
    const text = document.createElement("dd");
    term.textContent = name;
    text.textContent = value;
    return [term, text];
  }));
  list.hidden = false;
}

// What spoils a result most comes first; remarks on the header, such as files that were left out, come last.
const TOPICS = ["intensity", "spacing", "orientation", "extent", "postprocessing", "header"];

/** Shows how a scan differs from what a model was trained on; what matters most comes first, and over the images. */
export function listConcerns(concerns) {
  $("concerns-group").hidden = concerns.length === 0;
  const rank = ({ level, topic }) => (level === "warning" ? 0 : TOPICS.length) + (TOPICS.indexOf(topic) + TOPICS.length) % TOPICS.length;
  const ordered = [...concerns].sort((a, b) => rank(a) - rank(b));
  const gravest = ordered.find((concern) => concern.level === "warning");
  $("alert").hidden = !gravest;
  $("alert").textContent = gravest?.message ?? "";
  $("concerns").replaceChildren(...ordered.map((concern) => {
    const item = document.createElement("li");
    item.className = concern.level;
    item.textContent = concern.message;
    return item;
  }));
}

/** The head of the printed report. The scan's file name may be a patient's and is not in it. */
export function showPrinted(scan, findings) {
  if (!scan) return;
  const { facts, id } = scan;
  showFacts($("printed"), [
    ["Scan", id.slice(0, 12)], ["Date", new Date().toLocaleString("en-GB")],
    ["Voxels", `${facts.size.join(" × ")}, ${millimetres(facts.spacing)}`],
    ["Mask", findings.map ? findings.origin : "none"],
  ]);
}
