// The page: a scan, a model, a job, and what came of it.

import { api, Refused } from "./api.js";
import { Display } from "./display.js";
import { Findings } from "./findings.js";
import { View } from "./view.js";

const $ = (id) => document.getElementById(id);
const view = new View($("panes"));
const display = new Display(view);
const findings = new Findings(view, display);
let models = [];
let scan = null;
let job = null;
let arriving = 0;

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

async function openFile(file) {
  if (!/\.nii(\.gz)?$/i.test(file.name)) {
    return say("A NIfTI file is needed: its name ends in .nii or .nii.gz. DICOM series are converted first.", true);
  }
  const mine = ++arriving;
  await forget();
  $("drop-text").textContent = file.name;
  say("");
  try {
    const facts = await api.upload(file, (share) => {
      if (mine === arriving) showProgress(share < 1 ? "sending" : "checking", share);
    });
    if (mine !== arriving) return api.remove("volumes", facts.id);
    await openScan(facts, file.name);
  } catch (error) {
    $("drop-text").textContent = "Drop another NIfTI file, or press to choose";
    fail(error);
  } finally {
    if (mine === arriving) $("job").hidden = true;
  }
}

async function openStudy(id, name) {
  const mine = ++arriving;
  await forget();
  say("");
  showProgress("opening", 0);
  try {
    const facts = await api.volume(id);
    if (mine === arriving) await openScan(facts, name);
  } catch (error) {
    fail(error);
  } finally {
    if (mine === arriving) $("job").hidden = true;
  }
}

async function openScan(facts, name) {
  showProgress("fetching voxels", 0);
  const voxels = await api.voxels(`/api/v1/volumes/${facts.id}/voxels`, facts.voxel_type);
  scan = { id: facts.id, isUpload: facts.source === "upload", facts };
  $("drop").classList.add("loaded");
  $("drop-text").textContent = name;
  $("empty").hidden = true;
  showFacts($("scan-facts"), [
    ["Voxels", facts.size.join(" × ")], ["Spacing", millimetres(facts.spacing)], ["Orientation", facts.orientation],
    ["Intensities", `${trim(facts.min)} to ${trim(facts.max)}`],
  ]);
  view.show(facts, voxels);
  display.scanOpened(facts, model());
  $("run").disabled = false;
  await showConcerns();
}

// Ends what is shown; an upload's data goes from the server at once.
async function forget() {
  if (job) await cancel();
  findings.clear();
  $("run").disabled = true;
  const old = scan;
  scan = null;
  if (old?.isUpload) await api.remove("volumes", old.id);
}

async function showConcerns() {
  if (!scan || !model()) return;
  const { concerns } = await api.concerns(scan.id, model().name);
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

async function run() {
  if (!scan || job) return;
  const mine = scan;
  const passes = $("passes").disabled ? 0 : Number($("passes").value);
  findings.clear();
  say("");
  $("run").disabled = true;
  try {
    job = await api.submit({
      volume: scan.id, model: model().name, uncertainty: passes, largest_component: $("largest").checked,
      fill_holes: $("holes").checked,
    });
    await follow(job);
  } catch (error) {
    // Whoever opens another scan ends this one's job, and is not bothered with it.
    if (scan === mine) fail(error);
  } finally {
    job = null;
    $("job").hidden = true;
    $("run").disabled = !scan;
  }
}

// Asks how far the job is until it is over; nothing is computed for what is shown later.
async function follow(started) {
  let state = started;
  while (state.state === "queued" || state.state === "running") {
    const place = state.place === 1 ? "1 job before this one" : `${state.place} jobs before this one`;
    showProgress(state.state === "queued" && state.place > 0 ? place : state.stage, state.progress);
    await new Promise((resolve) => setTimeout(resolve, 300));
    state = await api.job(state.id);
  }
  if (state.state === "cancelled") return say("Cancelled.");
  if (state.state === "failed") throw new Refused(500, state.error[0].toUpperCase() + state.error.slice(1) + ".");
  await findings.show(state, scan.facts);
  const found = state.report.labels.filter((label) => label.voxels > 0).length;
  say(found > 0 ? `Done in ${state.report.seconds.toFixed(1)} s.` : "Done. Nothing was found; the mask is empty.");
}

async function cancel() {
  if (job) await api.remove("jobs", job.id);
}

// MARK: Wiring

$("file").addEventListener("change", () => { if ($("file").files[0]) openFile($("file").files[0]); });
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
  showModel();
}
start().catch(fail);
