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

/** Shows how a scan differs from what a model was trained on; what matters most comes first, and over the images. */
export function listConcerns(concerns) {
  $("concerns-group").hidden = concerns.length === 0;
  const ordered = [...concerns].sort((a, b) => (b.level === "warning") - (a.level === "warning"));
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
  const changes = findings.map?.done.length ?? 0;
  showFacts($("printed"), [
    ["Scan", id.slice(0, 12)], ["Date", new Date().toLocaleString("en-GB")],
    ["Voxels", `${facts.size.join(" × ")}, ${millimetres(facts.spacing)}`],
    ["Mask", findings.map ? `${findings.model?.name ?? "label"}${changes > 0 ? ", corrected by hand" : ""}` : "none"],
  ]);
}
