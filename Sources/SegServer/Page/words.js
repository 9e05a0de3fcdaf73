// Facts as text for the page and its printed report.

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

// The topics in the order of their effect on a result; remarks on the header, such as left-out files, come last.
const TOPICS = ["intensity", "spacing", "orientation", "extent", "windows", "postprocessing", "header"];

/**
 * Lists the differences between a scan and a model's training data; the most important comes first, and above the
 * images.
 */
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

/** Shows the head of the printed report, without the scan's file name, which may identify a patient. */
export function showPrinted(scan, findings) {
  if (!scan) return;
  const { facts, id } = scan;
  showFacts($("printed"), [
    ["Scan", id.slice(0, 12)], ["Date", new Date().toLocaleString("en-GB")],
    ["Voxels", `${facts.size.join(" × ")}, ${millimetres(facts.spacing)}`],
    ["Mask", findings.map ? findings.origin : "none"],
  ]);
}
