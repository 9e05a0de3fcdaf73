// Compares the mask with another one of the same scan: differences, Dice, and the change of volumes.

import { api } from "./api.js";
import { LabelMap } from "./labelmap.js";

const $ = (id) => document.getElementById(id);

export class Comparison {
  /** `fail` is called with errors. */
  constructor(view, fail) {
    this.view = view;
    this.fail = fail;
    this.others = [];
    $("compare-with").addEventListener("change", () => this.choose().catch(fail));
  }

  /** Offers masks: each has a name, the address of its voxels and the name of its model, null if it is unknown. */
  offer(others) {
    const chosen = $("compare-with").value;
    this.others = others;
    $("compare-with").replaceChildren(new Option("Nothing", ""), ...others.map(({ name, address }) => new Option(name, address)));
    if (others.some(({ address }) => address === chosen)) $("compare-with").value = chosen;
    $("compare").hidden = others.length === 0 || !this.map;
  }

  /** Starts with a mask, and the name of the model that defines its classes. */
  open(map, nameOf, model) {
    this.close();
    this.map = map;
    this.model = model ?? null;
    this.nameOf = nameOf;
    $("compare").hidden = this.others.length === 0;
    map.addEventListener("change", () => this.measureSoon());
  }

  close() {
    this.map = this.other = null;
    $("compare-with").value = "";
    $("compare").hidden = true;
    $("compare-table").hidden = true;
    this.view.compareWith(null);
  }

  async choose() {
    const { map } = this;
    const address = $("compare-with").value;
    this.other = null;
    $("compare-table").hidden = true;
    this.view.compareWith(null);
    if (address === "" || !map) return;
    const voxels = await api.voxels(address, "uint8", map.voxels.length);
    if (this.map !== map || $("compare-with").value !== address) return;
    this.warn(this.others.find((other) => other.address === address)?.model ?? null);
    this.other = new LabelMap(voxels, map.intensities, map.grid);
    this.view.compareWith(voxels);
    this.measure();
  }

  // Label numbers mean the same organs only within one model.
  warn(other) {
    const { model } = this;
    $("compare-note").hidden = model !== null && model === other;
    $("compare-note").textContent = model !== null && other !== null
      ? `The masks are of two models, ${model} and ${other}: the same number may mean different organs.`
      : "It is unknown whether both masks have the classes of one model: the same number may mean different organs.";
  }

  // A stroke changes the mask many times; the differences are measured only after a pause.
  measureSoon() {
    if (!this.other) return;
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.measure(), 120);
  }

  measure() {
    const { map, other } = this;
    if (!map || !other) return;
    const labels = [...new Set([...map.labels, ...other.labels])].sort((a, b) => a - b);
    $("compare-rows").replaceChildren(...labels.map((label) => {
      const row = document.createElement("tr");
      const [one, two] = [map.measured(label), other.measured(label)];
      const dice = 2 * this.shared(label) / (one.voxels + two.voxels);
      const change = one.ml - two.ml;
      const cells = [this.nameOf(label), dice.toFixed(3), `${change < 0 ? "−" : "+"}${Math.abs(change).toFixed(1)}`];
      cells.forEach((text, index) => {
        const cell = document.createElement("td");
        cell.textContent = text;
        if (index > 0) cell.className = "number";
        row.append(cell);
      });
      return row;
    }));
    $("compare-table").hidden = false;
  }

  // The number of voxels that have a label in both masks.
  shared(label) {
    const box = this.map.boxes.get(label);
    if (!box) return 0;
    const [one, two] = [this.map.voxels, this.other.voxels];
    let count = 0;
    this.map.grid.forEachLine((index, length, stride) => {
      for (let n = 0; n < length; n++, index += stride) if (one[index] === label && two[index] === label) count++;
    }, box.low, box.high);
    return count;
  }
}
