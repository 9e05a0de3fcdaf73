// The page: a scan, a model, a job, and its results.

import { api, Refused } from "./api.js";
import { Archive } from "./archive.js";
import { ask, askForOrder, isAsking } from "./ask.js";
import { Comparison } from "./compare.js";
import { Display } from "./display.js";
import { Editor } from "./editor.js";
import { asScan, dropped, fetched, namesOf, send } from "./files.js";
import { Findings } from "./findings.js";
import { follow } from "./job.js";
import { offerMasks } from "./masks.js";
import { fail, say, showProgress } from "./messages.js";
import { palette } from "./palette.js";
import { Saving } from "./save.js";
import { View } from "./view.js";
import { listConcerns, millimetres, showFacts, showPrinted, trim } from "./words.js";

const $ = (id) => document.getElementById(id);
const view = new View($("panes"));
const display = new Display(view);
const findings = new Findings(view, display, fail);
const editor = new Editor(view, say);
const comparison = new Comparison(view, fail);
const saving = new Saving({ say, fail, saved: labelSaved });
const archive = new Archive((series) => openArchived(series).catch(fail));
let models = [];
let studies = [];
// Each opening of a scan makes a new object; results for an earlier object are dropped.
let scan = null;
let job = null;
let turn = 0;
// The masks that can be opened, and the number of the last request for one: answers to earlier requests are dropped.
let masks = [];
let asked = 0;

// MARK: Scans

const ANOTHER = "Drop another scan, or press to choose";
const LOSE = "The corrections of this mask have not been saved. Discard them?";

// Asks whether the open mask may be closed; to be called only if there are unsaved corrections.
async function mayLeave() { return ask(LOSE, "Leave them"); }

async function openFiles(all) {
  const { name, files: chosen, isUnordered, fault } = asScan(all);
  if (fault) return say(fault, true);
  const files = isUnordered ? await askForOrder(chosen) : chosen;
  if (!files) return say("No order was chosen, so the scans were not opened.");
  if (findings.isUnsaved && !await mayLeave()) return;
  $("studies").value = "";
  return open(isUnordered ? namesOf(files) : name, (progress, isCurrent) => send(files, progress, isCurrent));
}

async function openArchived(series) {
  if (findings.isUnsaved && !await mayLeave()) return;
  $("studies").value = "";
  return open(series.description || `${series.modality} of the archive`, (progress, isCurrent) => fetched(series, progress, isCurrent));
}

async function openStudy(option) {
  if (findings.isUnsaved && !await mayLeave()) {
    $("studies").value = scan && !scan.isUpload ? scan.id : "";
    return;
  }
  return open(option.textContent, (progress) => {
    progress("opening", 0);
    return api.volume(option.value);
  });
}

// Shows a scan when all its data have arrived. The previous scan disappears at once: a patient's images under another
// name are worse than none.
async function open(name, find) {
  const mine = ++turn;
  const isCurrent = () => mine === turn;
  close();
  $("drop-text").textContent = name;
  say("");
  try {
    const facts = await find((stage, share) => { if (isCurrent()) showProgress(stage, share); }, isCurrent);
    if (!isCurrent()) return discard(facts);
    showProgress("fetching voxels", 0);
    const count = facts.size.reduce((product, extent) => product * extent);
    const voxels = await api.voxels(`/api/v1/volumes/${facts.id}/voxels`, facts.voxel_type, count);
    if (!isCurrent()) return discard(facts);
    const { labels } = facts.source === "upload" ? { labels: [] } : await api.labels(facts.id);
    if (!isCurrent()) return discard(facts);
    show(facts, voxels, name, labels.filter((label) => !label.missing));
    await showConcerns();
  } catch (error) {
    if (!isCurrent()) return;
    if (!scan) $("drop-text").textContent = ANOTHER;
    fail(error);
  } finally {
    if (isCurrent() && !job) $("job").hidden = true;
  }
}

function show(facts, voxels, name, labels) {
  scan = { id: facts.id, isUpload: facts.source === "upload", facts, name, labels, jobs: [] };
  $("drop").classList.add("loaded");
  $("empty").hidden = true;
  showFacts($("scan-facts"), [
    ["Voxels", facts.size.join(" × ")], ["Spacing", millimetres(facts.spacing)], ["Orientation", facts.orientation],
    ["Intensities", `${trim(facts.min)} to ${trim(facts.max)}`],
    ...(facts.channels > 1 ? [["Channels", `${facts.channels}, in the order above; shown is the first`]] : []),
  ]);
  view.show(facts, voxels);
  display.scanOpened(facts, model());
  for (const id of ["run", "delete", "draw"]) $(id).disabled = false;
  $("delete").textContent = scan.isUpload ? "Delete scan and results" : "Close scan, delete results";
  masks = offerMasks(scan, comparison);
}

// Closes the scan; the server deletes an upload's data at once.
function close() {
  if (job) api.remove("jobs", job.id);
  for (const { state } of scan?.jobs ?? []) api.remove("jobs", state.id);
  if (scan?.isUpload) api.remove("volumes", scan.id);
  scan = job = null;
  findings.clear();
  view.clear();
  display.clear();
  $("job").hidden = true;
  for (const id of ["run", "delete", "draw"]) $(id).disabled = true;
  $("scan-facts").hidden = true;
  $("scan-facts").replaceChildren();
  listConcerns([]);
  $("drop").classList.remove("loaded");
  $("empty").hidden = false;
  masks = offerMasks(scan, comparison);
}

function discard(facts) {
  if (facts.source === "upload") api.remove("volumes", facts.id);
}

async function remove() {
  if (!scan || !await ask(
    scan.isUpload ? "Delete the scan and everything that was computed from it on the server?"
      : "Delete what was computed from this scan? The scan and its saved labels stay in the datastore.", "Delete")) return;
  turn++;
  close();
  $("drop-text").textContent = ANOTHER;
  $("studies").value = "";
  say("Deleted.");
}

async function showConcerns() {
  const [mine, chosen] = [scan, model()];
  if (!mine || !chosen) return;
  const { concerns } = await api.concerns(mine.id, chosen.name);
  if (scan === mine && model() === chosen) listConcerns(concerns);
}

// Renews the session of the open scan, which may be viewed for a long time without requests.
async function keep() {
  const mine = scan;
  if (!mine) return;
  try {
    await Promise.all([api.volume(mine.id), ...mine.jobs.map(({ state }) => api.job(state.id))]);
  } catch (error) {
    if (scan === mine && error.status === 404) fail(new Refused(404, GONE));
  }
}

// MARK: Masks

async function openMask({ address, model, job, method }) {
  const [mine, number] = [scan, ++asked];
  const isCurrent = () => scan === mine && number === asked;
  // The user is asked only when the mask has arrived, because the user may draw until then.
  const isWanted = async () => isCurrent() && (!findings.isUnsaved || await mayLeave()) && isCurrent();
  if (job) return findings.show(job.state, mine, job.model, isWanted);
  const voxels = await api.voxels(address, "uint8", view.grid.count);
  if (await isWanted()) findings.open(voxels, { scan, model: models.find(({ name }) => name === model), method });
}

function labelSaved(mine, label) {
  mine.labels = [...mine.labels.filter(({ tag }) => tag !== label.tag), label].sort((a, b) => (a.tag < b.tag ? -1 : 1));
  if (scan === mine) masks = offerMasks(scan, comparison);
}

findings.addEventListener("open", () => {
  const { map, labels, scan, model, job } = findings;
  editor.open(map, labels);
  comparison.open(map, (label) => findings.nameOf(label), model?.name);
  saving.open({ map, scan, model: model?.name, job, method: () => findings.method });
  $("draw").hidden = true;
});
findings.addEventListener("close", () => {
  for (const part of [editor, comparison, saving]) part.close();
  $("draw").hidden = false;
});
findings.addEventListener("label", (event) => editor.chooseLabel(event.detail));

// MARK: Models

const model = () => models.find((model) => model.name === $("model").value);

function showModel() {
  const chosen = model();
  if (!chosen) return;
  showFacts($("model-facts"), [
    ["Network", chosen.network], ["Finds", chosen.labels.map((label) => label.name).join(", ")],
    ...(chosen.spacing ? [["Works at", millimetres(chosen.spacing)]] : []),
    ...(chosen.channels > 1 ? [["Takes", `${chosen.channels} scans of a case together`]] : []),
  ]);
  const canVary = chosen.dropout > 0;
  $("passes").disabled = !canVary;
  $("passes").title = canVary ? "0 for none" : "This model has no dropout, so it cannot measure uncertainty.";
  showConcerns().catch(fail);
}

// MARK: Jobs

const GONE = "The server no longer has this scan: the server was restarted, or the scan was not used for a long time. Open it again.";

async function run() {
  if (!scan || job || $("run").disabled) return;
  if (findings.isUnsaved && !await mayLeave()) return;
  const mine = scan;
  const chosen = model();
  const passes = $("passes").disabled ? 0 : Number($("passes").value);
  asked++;
  findings.clear();
  say("");
  $("run").disabled = true;
  try {
    const started = await api.submit({
      volume: mine.id, model: chosen.name, uncertainty: passes, largest_component: $("largest").checked,
      fill_holes: $("holes").checked,
    });
    if (scan !== mine) return api.remove("jobs", started.id);
    job = started;
    const state = await follow(started, () => scan === mine);
    if (state) await showResult(state, mine, chosen);
  } catch (error) {
    // A user who opens another scan cancels this one's job, and must not get its error.
    if (scan === mine) fail(error.status === 404 ? new Refused(404, GONE) : error);
  } finally {
    if (scan === mine) {
      job = null;
      $("job").hidden = true;
      $("run").disabled = false;
    }
  }
}

async function showResult(state, mine, chosen) {
  if (state.state === "cancelled") return say("Cancelled.");
  mine.jobs.push({ state, model: chosen });
  masks = offerMasks(scan, comparison);
  const number = ++asked;
  // A mask that is being corrected is not replaced.
  const isShown = await findings.show(
    state, mine, chosen, () => scan === mine && number === asked && !findings.isUnsaved);
  if (scan !== mine) return;
  const found = state.report.labels.filter((label) => label.voxels > 0).length;
  const done = found > 0 ? `Done in ${state.report.seconds.toFixed(1)} s.` : "Done. Nothing was found; the mask is empty.";
  say(isShown ? done : `${done} The mask that is open stays; the result can be chosen as Result ${mine.jobs.length}.`);
}

// Cancels the job, or the loading of a scan.
async function cancel() {
  if (job) return api.remove("jobs", job.id);
  if (scan) return;
  turn++;
  close();
  $("drop-text").textContent = ANOTHER;
  say("Cancelled.");
}

// MARK: Wiring

$("file").addEventListener("change", () => {
  const files = [...$("file").files];
  // Allows the same file to be chosen again.
  $("file").value = "";
  if (files.length > 0) openFiles(files);
});
for (const [zone, mark] of [[$("drop"), $("drop")], [$("viewer"), $("empty")]]) {
  zone.addEventListener("dragover", (event) => { event.preventDefault(); mark.classList.add("over"); });
  zone.addEventListener("dragleave", () => mark.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    mark.classList.remove("over");
    dropped(event.dataTransfer).then((files) => { if (files.length > 0) return openFiles(files); }).catch(fail);
  });
}
// A file that is dropped outside of the zones must not replace the page.
for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());

$("studies").addEventListener("change", (event) => {
  const option = event.target.selectedOptions[0];
  if (option.value) openStudy(option);
});
$("masks").addEventListener("change", () => {
  const mask = masks.find(({ address }) => address === $("masks").value);
  $("masks").value = "";
  if (mask) openMask(mask).catch(fail);
});
$("model").addEventListener("change", showModel);
$("run").addEventListener("click", run);
$("cancel").addEventListener("click", cancel);
$("delete").addEventListener("click", remove);
$("draw").addEventListener("click", () => {
  asked++;
  findings.openEmpty(scan, model());
});
$("archive-open").addEventListener("click", () => archive.show());
$("print").addEventListener("click", () => window.print());
window.addEventListener("beforeprint", () => showPrinted(scan, findings));
$("help-open").addEventListener("click", () => $("help").showModal());
window.addEventListener("beforeunload", (event) => { if (findings.isUnsaved) event.preventDefault(); });
window.addEventListener("pagehide", () => { if (scan?.isUpload) api.remove("volumes", scan.id); });
// A page from the browser's back-forward cache would show data that the server has deleted.
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

document.addEventListener("keydown", (event) => {
  if (event.altKey || isAsking()) return;
  const inField = event.target.matches("input:not([type=checkbox], [type=range]), select, textarea");
  if (event.ctrlKey || event.metaKey) {
    const back = { z: event.shiftKey ? "redo" : "undo", Z: "redo", y: "redo" }[event.key];
    if (!back || inField) return;
    editor[back]();
    return event.preventDefault();
  }
  if (event.key === "Escape" && job) return cancel();
  if (inField || event.target.matches("[type=range]")) return;
  const own = { "?": () => $("help").showModal(), r: run };
  if (own[event.key]) own[event.key]();
  else if (![display, findings, editor, view].some((part) => part.key(event))) return;
  event.preventDefault();
});

async function start() {
  const [catalog, { volumes }] = await Promise.all([api.models(), api.volumes()]);
  models = catalog.models;
  palette.run(catalog.colours);
  setInterval(keep, 1000 * Math.min(240, catalog.limits.session_seconds / 3));
  studies = volumes.filter((volume) => !volume.missing);
  $("device").textContent = `Runs on ${catalog.device}`;
  $("logout").hidden = !catalog.token;
  $("archive-open").hidden = !catalog.dicomweb;
  saving.hasArchive = catalog.dicomweb;
  $("model").replaceChildren(...models.map((model) => new Option(model.name, model.name)));
  $("server-scans").hidden = studies.length === 0;
  $("studies").append(...studies.map((volume) => new Option(volume.name, volume.id)));
  // A browser that reloads the page restores choices, but nothing is open.
  $("studies").value = $("file").value = "";
  showModel();
}
start().catch(fail);
