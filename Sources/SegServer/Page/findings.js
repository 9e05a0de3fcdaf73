// The open mask, its origin and its measurements; and a job's maps of uncertainty.

import { api } from "./api.js";
import { LabelMap } from "./labelmap.js";
import { heatTable, palette } from "./palette.js";

const $ = (id) => document.getElementById(id);

const same = (value) => value;

// The name, the unit and the display function of each map. A variance is shown as its square root, in the unit of the
// probability.
const MAPS = {
  entropy: ["Entropy", "nats", same], variance: ["Standard deviation", "of the probability", Math.sqrt],
  mutual_information: ["Mutual information", "nats", same], mean: ["Mean probability", "", same],
};

export class Findings extends EventTarget {
  /** `fail` is called with errors of the choice of a map; "open" and "close" are dispatched when a mask opens or closes. */
  constructor(view, display, fail) {
    super();
    this.view = view;
    this.display = display;
    this.fetched = new Map();
    this.map = this.job = null;
    $("heat-map").addEventListener("change", () => this.chooseMap($("heat-map").value).catch(fail));
    $("download-report").addEventListener("click", (event) => { if (!event.currentTarget.href) event.preventDefault(); });
    this.drawBar();
  }

  drawBar() {
    const context = $("heat-bar").getContext("2d");
    const colours = heatTable();
    for (let x = 0; x < 256; x++) {
      context.fillStyle = `rgb(${colours[x * 3]} ${colours[x * 3 + 1]} ${colours[x * 3 + 2]})`;
      context.fillRect(x, 0, 1, 10);
    }
  }

  /**
   * Fetches a job's mask and maps once, and shows them if they are still wanted.
   *
   * `isWanted` may be asynchronous. Returns whether they are shown.
   */
  async show(job, scan, model, isWanted) {
    const voxels = await api.voxels(`/api/v1/jobs/${job.id}/voxels/mask`, "uint8", this.view.grid.count);
    if (!await isWanted()) return false;
    this.open(voxels, { scan, model, job });
    this.maps = job.report.uncertainty_maps;
    $("heat-on").disabled = this.maps.length === 0;
    const order = Object.keys(MAPS).filter((kind) => this.maps.some((map) => map.kind === kind));
    $("heat-map").replaceChildren(...order.map((kind) => new Option(MAPS[kind][0], kind)));
    if (order.length > 0) await this.chooseMap(order[0]);
    if (this.job !== job) return true;
    this.showPasses(job.report.options);
    $("download-report").href = `/api/v1/jobs/${job.id}/report`;
    $("download-report").hidden = false;
    $("findings").hidden = false;
    return true;
  }

  /**
   * Shows a mask of any origin: `{ scan, model, job, method }`, where model and job may be missing.
   *
   * `method` is the mask's origin in DICOM's words: automatic, semiautomatic or manual; null if it is unknown.
   */
  open(voxels, { scan, model = null, job = null, method = job ? "automatic" : null }) {
    this.clear();
    Object.assign(this, { scan, model, job, came: method });
    this.map = new LabelMap(voxels, this.view.voxels, this.view.grid);
    palette.name(model?.labels ?? []);
    this.names = new Map((model?.labels ?? []).map(({ label, name }) => [label, name]));
    this.display.labels = Object.fromEntries(this.names);
    this.view.showMask(this.map);
    for (const id of ["mask-on", "mask-opacity"]) $(id).disabled = false;
    this.map.addEventListener("change", () => this.refreshSoon());
    this.showTable();
    $("findings").hidden = job !== null;
    const first = this.map.labels[0];
    if (first) this.view.centreOn(first);
    this.display.showPoint();
    this.dispatchEvent(new Event("open"));
  }

  /** Shows a mask without voxels, to draw on. */
  openEmpty(scan, model) { this.open(new Uint8Array(this.view.grid.count), { scan, model, method: "manual" }); }

  get isUnsaved() { return this.map?.isChanged ?? false; }

  /** The current origin of the mask in DICOM's words. */
  get method() { return this.came === "automatic" && this.map.isCorrected ? "semiautomatic" : this.came; }

  /** The current origin of the mask for the user. */
  get origin() {
    if (this.came === "manual") return "drawn by hand";
    const isCorrected = this.map.isCorrected || this.came === "semiautomatic";
    return `${this.model?.name ?? "label"}${isCorrected ? ", corrected by hand" : ""}`;
  }

  nameOf(label) { return this.names.get(label) ?? `label ${label}`; }

  /** The model's labels, and other labels in the mask. */
  get labels() {
    const all = [...new Set([...this.names.keys(), ...this.map.labels])].sort((a, b) => a - b);
    return (all.length > 0 ? all : [1]).map((label) => ({ label, name: this.nameOf(label) }));
  }

  async chooseMap(kind) {
    const { job } = this;
    const map = this.maps.find((map) => map.kind === kind);
    if (!this.fetched.has(kind)) {
      const voxels = await api.voxels(`/api/v1/jobs/${job.id}/voxels/uncertainty/${kind}`, "uint8", this.view.grid.count);
      if (this.job !== job) return;
      this.fetched.set(kind, voxels);
    }
    if ($("heat-map").value !== kind) return;
    const [name, unit, shown] = MAPS[kind];
    $("heat-unit").textContent = unit;
    $("heat-high").textContent = shown(map.maximum).toPrecision(2);
    Object.assign(this.view.heat, { maximum: map.maximum, name, shown });
    this.view.showHeat(kind, this.fetched.get(kind));
    $("download-map").hidden = false;
    $("download-map").title = `${kind.replace("_", " ")} as NIfTI`;
    $("download-map").href = `/api/v1/jobs/${this.job.id}/uncertainty/${kind}`;
    this.display.showPoint();
  }

  showTable() {
    $("organs").replaceChildren(...this.labels.map(({ label, name }) => {
      const row = document.createElement("tr");
      row.dataset.label = label;
      const cell = document.createElement("td");
      const button = document.createElement("button");
      button.type = "button";
      button.title = "Go there";
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.background = palette.colour(label);
      button.append(swatch, name);
      button.addEventListener("click", () => {
        this.view.centreOn(label);
        this.dispatchEvent(new CustomEvent("label", { detail: label }));
      });
      cell.append(button);
      row.append(cell, this.cell(), this.cell());
      return row;
    }));
    this.refresh();
  }

  cell() {
    const cell = document.createElement("td");
    cell.className = "number";
    return cell;
  }

  // Refreshes once per frame, however many changes a stroke makes.
  refreshSoon() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = null;
      if (this.map) this.refresh();
    });
  }

  refresh() {
    const rows = [...$("organs").rows];
    if (rows.length !== this.labels.length) return this.showTable();
    for (const row of rows) {
      const { voxels, ml, mean } = this.map.measured(Number(row.dataset.label));
      row.querySelector("button").disabled = voxels === 0;
      row.cells[1].textContent = ml.toFixed(1);
      row.cells[2].textContent = mean == null ? "–" : mean.toFixed(1);
    }
    $("edited").hidden = !this.map.isCorrected;
  }

  showPasses({ uncertainty: passes, mirror }) {
    const samples = [];
    if (passes > 0) samples.push(`${passes} passes with dropout`);
    if (mirror.length > 0) samples.push(`${2 ** mirror.length} mirror images`);
    $("finding-note").textContent = samples.length ? `Mean of ${samples.join(" of each of ")}.` : "One pass, dropout off.";
  }

  clear() {
    const { map } = this;
    this.job = this.next = this.map = null;
    this.fetched.clear();
    this.display.setHeat(false);
    this.view.clearResults();
    for (const id of ["mask-on", "mask-opacity", "heat-on"]) $(id).disabled = true;
    $("findings").hidden = true;
    $("organs").replaceChildren();
    $("finding-note").textContent = "";
    for (const what of ["report", "map"]) {
      $(`download-${what}`).removeAttribute("href");
      $(`download-${what}`).hidden = true;
    }
    if (map) this.dispatchEvent(new Event("close"));
  }

  key(event) {
    if (event.key !== "o") return false;
    const found = this.map?.labels ?? [];
    if (found.length > 0) {
      this.next = ((this.next ?? -1) + 1) % found.length;
      this.view.centreOn(found[this.next]);
      this.dispatchEvent(new CustomEvent("label", { detail: found[this.next] }));
    }
    return true;
  }
}
