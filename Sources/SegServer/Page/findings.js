// What a job found: mask, maps, table and downloads.

import { api } from "./api.js";
import { heatTable, labelColour } from "./palette.js";

const $ = (id) => document.getElementById(id);

const same = (value) => value;

// Name, unit, and how a value is shown: a variance as its root, which is in the unit of the probability.
const MAPS = {
  entropy: ["Entropy", "nats", same], variance: ["Standard deviation", "of the probability", Math.sqrt],
  mutual_information: ["Mutual information", "nats", same], mean: ["Mean probability", "", same],
};

export class Findings {
  /** `report` is called with what goes wrong when a map is chosen. */
  constructor(view, display, report) {
    this.view = view;
    this.display = display;
    this.fetched = new Map();
    display.colourOf = labelColour;
    $("heat-map").addEventListener("change", () => this.chooseMap($("heat-map").value).catch(report));
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

  /** Fetches a job's mask and maps once, and shows them where they are still wanted. */
  async show(job, facts, isWanted) {
    this.count = facts.size.reduce((product, extent) => product * extent);
    const mask = await api.voxels(`/api/v1/jobs/${job.id}/voxels/mask`, "uint8", this.count);
    if (!isWanted()) return;
    this.job = job;
    this.fetched.clear();
    this.view.showMask(mask);
    for (const id of ["mask-on", "mask-opacity"]) $(id).disabled = false;
    this.maps = job.report.uncertainty_maps;
    $("heat-on").disabled = this.maps.length === 0;
    const order = Object.keys(MAPS).filter((kind) => this.maps.some((map) => map.kind === kind));
    $("heat-map").replaceChildren(...order.map((kind) => new Option(MAPS[kind][0], kind)));
    if (order.length > 0) await this.chooseMap(order[0]);
    if (this.job !== job) return;
    this.showTable(job.report);
    $("download-mask").href = `/api/v1/jobs/${job.id}/mask`;
    $("download-report").href = `/api/v1/jobs/${job.id}/report`;
    $("findings").hidden = false;
    const found = job.report.labels.find((label) => label.voxels > 0);
    if (found) this.view.centreOn(found.label);
    this.display.showPoint();
  }

  async chooseMap(kind) {
    const { job } = this;
    const map = this.maps.find((map) => map.kind === kind);
    if (!this.fetched.has(kind)) {
      const voxels = await api.voxels(`/api/v1/jobs/${job.id}/voxels/uncertainty/${kind}`, "uint8", this.count);
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

  showTable(report) {
    $("organs").replaceChildren(...report.labels.map((label) => {
      const row = document.createElement("tr");
      const name = document.createElement("td");
      const button = document.createElement("button");
      button.type = "button";
      button.disabled = label.voxels === 0;
      button.title = "Go there";
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.background = labelColour(label.label);
      button.append(swatch, label.name);
      button.addEventListener("click", () => this.view.centreOn(label.label));
      name.append(button);
      row.append(name, this.cell(label.volume_ml.toFixed(1)), this.cell(label.mean_intensity == null ? "–" : label.mean_intensity.toFixed(1)));
      return row;
    }));
    const { uncertainty: passes, mirror } = report.options;
    const samples = [];
    if (passes > 0) samples.push(`${passes} passes with dropout`);
    if (mirror.length > 0) samples.push(`${2 ** mirror.length} mirror images`);
    $("finding-note").textContent = samples.length ? `Mean of ${samples.join(" of each of ")}.` : "One pass, dropout off.";
  }

  cell(text) {
    const cell = document.createElement("td");
    cell.className = "number";
    cell.textContent = text;
    return cell;
  }

  clear() {
    this.job = this.next = null;
    this.fetched.clear();
    this.display.setHeat(false);
    this.view.clearResults();
    for (const id of ["mask-on", "mask-opacity", "heat-on"]) $(id).disabled = true;
    $("findings").hidden = true;
    $("organs").replaceChildren();
    $("finding-note").textContent = "";
    for (const what of ["mask", "report", "map"]) $(`download-${what}`).removeAttribute("href");
    $("download-map").hidden = true;
  }

  key(event) {
    if (event.key !== "o") return false;
    const found = (this.job?.report.labels ?? []).filter((label) => label.voxels > 0);
    if (found.length > 0) {
      this.next = ((this.next ?? -1) + 1) % found.length;
      this.view.centreOn(found[this.next].label);
    }
    return true;
  }
}
