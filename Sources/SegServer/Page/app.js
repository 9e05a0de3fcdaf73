// The page: a scan, a model, a job, and what came of it.

import { api, Refused, sentence } from "./api.js";
import { Display } from "./display.js";
import { Findings } from "./findings.js";
import { View } from "./view.js";

const $ = (id) => document.getElementById(id);
const view = new View($("panes"));
const display = new Display(view);
const findings = new Findings(view, display, fail);
let models = [];
// What is open; each opening makes a new one. What comes for another is dropped.
let scan = null;
let job = null;
let turn = 0;

// MARK: Messages

function say(text, isBad = false) {
  $("message").textContent = text;
  $("message").classList.toggle("bad", isBad);
}

function fail(error) {
  if (!(error instanceof Refused)) console.error(error);
  say(error instanceof Refused ? error.message : "The page failed; reload it.", true);
}

function showFacts(list, facts) {
  list.replaceChildren(...facts.flatMap(([name, value]) => {
    const term = document.createElement("dt");
    const text = document.createElement("dd");
    term.textContent = name;
    text.textContent = value;
    return [term, text];
  }));
  list.hidden = false;
}

function showProgress(stage, share) {
  $("job").hidden = false;
  $("job-stage").textContent = stage;
  $("job-share").textContent = share > 0 ? `${Math.round(share * 100)} %` : "";
  $("job-progress").value = share;
}

const trim = (number) => String(Number(number.toFixed(2)));
const millimetres = (values) => `${values.map(trim).join(" × ")} mm`;

// MARK: Scans

const ANOTHER = "Drop another scan, or press to choose";

function openFile(file) {
  if (!/\.(nii|nii\.gz|nrrd|mha)$/i.test(file.name)) {
    return say("A scan in one file is needed: NIfTI (.nii, .nii.gz), NRRD (.nrrd) or MetaImage (.mha).", true);
  }
  $("studies").value = "";
  return open(file.name, (progress) => api.upload(file, (share) => progress(share < 1 ? "sending" : "checking", share)));
}

function openStudy(id, name) {
  return open(name, (progress) => {
    progress("opening", 0);
    return api.volume(id);
  });
}

// Shows a scan once all of it is there. From the first moment nothing of the scan before is seen, since a patient's
// images under another's name are worse than none.
async function open(name, find) {
  const mine = ++turn;
  const isCurrent = () => mine === turn;
  close();
  $("drop-text").textContent = name;
  say("");
  try {
    const facts = await find((stage, share) => { if (isCurrent()) showProgress(stage, share); });
    if (!isCurrent()) return discard(facts);
    showProgress("fetching voxels", 0);
    const count = facts.size.reduce((product, extent) => product * extent);
    const voxels = await api.voxels(`/api/v1/volumes/${facts.id}/voxels`, facts.voxel_type, count);
    if (!isCurrent()) return discard(facts);
    show(facts, voxels);
    await showConcerns();
  } catch (error) {
    if (!isCurrent()) return;
    if (!scan) $("drop-text").textContent = ANOTHER;
    fail(error);
  } finally {
    if (isCurrent() && !job) $("job").hidden = true;
  }
}

function show(facts, voxels) {
  scan = { id: facts.id, isUpload: facts.source === "upload", facts };
  $("drop").classList.add("loaded");
  $("empty").hidden = true;
  showFacts($("scan-facts"), [
    ["Voxels", facts.size.join(" × ")], ["Spacing", millimetres(facts.spacing)], ["Orientation", facts.orientation],
    ["Intensities", `${trim(facts.min)} to ${trim(facts.max)}`],
  ]);
  view.show(facts, voxels);
  display.scanOpened(facts, model());
  $("run").disabled = false;
}

// Ends what is shown; an upload's data goes from the server at once.
function close() {
  if (job) api.remove("jobs", job.id);
  if (scan?.isUpload) api.remove("volumes", scan.id);
  scan = job = null;
  findings.clear();
  view.clear();
  display.clear();
  $("job").hidden = true;
  $("run").disabled = true;
  $("scan-facts").hidden = true;
  $("scan-facts").replaceChildren();
  $("concerns-group").hidden = true;
  $("concerns").replaceChildren();
  $("drop").classList.remove("loaded");
  $("empty").hidden = false;
}

function discard(facts) {
  if (facts.source === "upload") api.remove("volumes", facts.id);
}

async function showConcerns() {
  const [mine, chosen] = [scan, model()];
  if (!mine || !chosen) return;
  const { concerns } = await api.concerns(mine.id, chosen.name);
  if (scan !== mine || model() !== chosen) return;
  $("concerns-group").hidden = concerns.length === 0;
  $("concerns").replaceChildren(...concerns.map((concern) => {
    const item = document.createElement("li");
    item.className = concern.level;
    item.textContent = concern.message;
    return item;
  }));
}

// MARK: Models

const model = () => models.find((model) => model.name === $("model").value);

function showModel() {
  const chosen = model();
  if (!chosen) return;
  showFacts($("model-facts"), [
    ["Network", chosen.network], ["Finds", chosen.labels.map((label) => label.name).join(", ")],
    ...(chosen.spacing ? [["Works at", millimetres(chosen.spacing)]] : []),
  ]);
  const canVary = chosen.dropout > 0;
  $("passes").disabled = !canVary;
  $("passes").title = canVary ? "0 for none" : "This model has no dropout, so it cannot say how sure it is.";
  display.modelChosen(chosen);
  showConcerns().catch(fail);
}

// MARK: Jobs

const GONE = "The server no longer has this scan: it was started anew, or nobody used the scan for long. Open it again.";

async function run() {
  if (!scan || job || $("run").disabled) return;
  const mine = scan;
  const passes = $("passes").disabled ? 0 : Number($("passes").value);
  findings.clear();
  say("");
  $("run").disabled = true;
  try {
    const started = await api.submit({
      volume: mine.id, model: model().name, uncertainty: passes, largest_component: $("largest").checked,
      fill_holes: $("holes").checked,
    });
    if (scan !== mine) return api.remove("jobs", started.id);
    job = started;
    await follow(started, mine);
  } catch (error) {
    // A user who opens another scan ends this one's job, and is not bothered with it.
    if (scan === mine) fail(error.status === 404 ? new Refused(404, GONE) : error);
  } finally {
    if (scan === mine) {
      job = null;
      $("job").hidden = true;
      $("run").disabled = false;
    }
  }
}

// Asks how far the job is until it is over; nothing is computed for what is shown later.
async function follow(started, mine) {
  let state = started;
  while (state.state === "queued" || state.state === "running") {
    const place = state.place === 1 ? "1 job before this one" : `${state.place} jobs before this one`;
    showProgress(state.state === "queued" && state.place > 0 ? place : state.stage, state.progress);
    await pause(300);
    state = await ask(started.id, mine);
    if (scan !== mine) return;
  }
  if (state.state === "cancelled") return say("Cancelled.");
  if (state.state === "failed") throw new Refused(500, sentence(state.error));
  await findings.show(state, mine.facts, () => scan === mine);
  if (scan !== mine) return;
  const found = state.report.labels.filter((label) => label.voxels > 0).length;
  say(found > 0 ? `Done in ${state.report.seconds.toFixed(1)} s.` : "Done. Nothing was found; the mask is empty.");
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// The state of a job. A server that does not answer may be back in a moment, and computes on meanwhile.
async function ask(id, mine) {
  for (let tries = 0; ; tries++) {
    try {
      const state = await api.job(id);
      if (tries > 0 && scan === mine) say("");
      return state;
    } catch (error) {
      if (error.status !== 0 || tries === 60 || scan !== mine) throw error;
      say("The server does not answer; asking again.", true);
      await pause(1000);
    }
  }
}

// Ends the job, or the arrival of a scan.
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
  const [file] = $("file").files;
  // The same file can be chosen again.
  $("file").value = "";
  if (file) openFile(file);
});
for (const [zone, mark] of [[$("drop"), $("drop")], [$("viewer"), $("empty")]]) {
  zone.addEventListener("dragover", (event) => { event.preventDefault(); mark.classList.add("over"); });
  zone.addEventListener("dragleave", () => mark.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    mark.classList.remove("over");
    if (event.dataTransfer.files[0]) openFile(event.dataTransfer.files[0]);
  });
}
// A file dropped beside the zones must not replace the page.
for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());

$("studies").addEventListener("change", (event) => {
  const option = event.target.selectedOptions[0];
  if (option.value) openStudy(option.value, option.textContent);
});
$("model").addEventListener("change", showModel);
$("run").addEventListener("click", run);
$("cancel").addEventListener("click", cancel);
$("help-open").addEventListener("click", () => $("help").showModal());
window.addEventListener("pagehide", () => { if (scan?.isUpload) api.remove("volumes", scan.id); });
// A page that comes back from the browser's memory shows what the server has deleted.
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  const inField = event.target.matches("input:not([type=checkbox]), select, textarea");
  if (event.key === "Escape" && job) return cancel();
  if (inField) return;
  const own = { "?": () => $("help").showModal(), r: run };
  if (own[event.key]) own[event.key]();
  else if (!display.key(event) && !findings.key(event) && !view.key(event)) return;
  event.preventDefault();
});

async function start() {
  const [catalog, { volumes }] = await Promise.all([api.models(), api.volumes()]);
  models = catalog.models;
  $("device").textContent = `Runs on ${catalog.device}`;
  $("logout").hidden = !catalog.token;
  $("model").replaceChildren(...models.map((model) => new Option(model.name, model.name)));
  $("server-scans").hidden = volumes.every((volume) => volume.missing);
  $("studies").append(...volumes.filter((volume) => !volume.missing).map((volume) => new Option(volume.name, volume.id)));
  // A browser that reloads the page remembers choices, and nothing is open.
  $("studies").value = $("file").value = "";
  showModel();
}
start().catch(fail);
