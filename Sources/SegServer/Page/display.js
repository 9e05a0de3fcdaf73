// The intensity window, the overlay and the readout.

import { palette } from "./palette.js";

const $ = (id) => document.getElementById(id);

const CT = [["Abdomen", 50, 400], ["Liver", 80, 160], ["Lung", -600, 1500], ["Bone", 400, 1800], ["Mediastinum", 40, 350], ["Brain", 40, 80]];

export class Display {
  constructor(view) {
    this.view = view;
    this.presets = [];
    this.labels = {};
    $("preset").addEventListener("change", () => this.usePreset());
    for (const name of ["level", "width"]) {
      $(name).addEventListener("input", () => view.setWindow(Number($("level").value), Number($("width").value)));
    }
    view.addEventListener("window", () => this.showWindow());
    view.addEventListener("point", () => this.showPoint());
    $("mask-on").addEventListener("change", () => { view.mask.on = $("mask-on").checked; view.refresh(); });
    $("heat-on").addEventListener("change", () => this.setHeat($("heat-on").checked));
    for (const kind of ["mask", "heat"]) {
      $(`${kind}-opacity`).addEventListener("input", () => this.setOpacity(kind, Number($(`${kind}-opacity`).value)));
    }
  }

  /** Offers windows that suit the scan, and applies the first. */
  scanOpened(facts, model) {
    this.facts = facts;
    const [low, , high] = facts.percentiles;
    const full = ["Full range", (low + high) / 2, Math.max(high - low, 1)];
    this.isCT = facts.min < -200;
    const wanted = model?.intensity;
    const own = wanted ? [["Model's range", (wanted[0] + wanted[1]) / 2, wanted[1] - wanted[0]]] : [];
    this.presets = this.isCT ? [...CT, ...own, full] : [full, ...own];
    $("preset").replaceChildren(...this.presets.map(([name], index) => new Option(name, index)), new Option("Other", ""));
    const [least, most] = [Math.floor(Math.min(facts.min, -10)), Math.ceil(facts.max)];
    Object.assign($("level"), { min: least, max: most });
    Object.assign($("width"), { min: 1, max: Math.max(2 * (high - low), 2000) });
    $("unit-head").textContent = this.isCT ? "Mean HU" : "Mean";
    for (const id of ["preset", "level", "width"]) $(id).disabled = false;
    $("preset").value = "0";
    this.usePreset();
    this.showPoint();
  }

  /** Shows the state without a scan. */
  clear() {
    this.facts = null;
    this.presets = [];
    $("preset").replaceChildren(new Option("No scan"));
    for (const id of ["preset", "level", "width"]) $(id).disabled = true;
    $("readout").textContent = "\u00a0";
  }

  usePreset() {
    const preset = this.presets[$("preset").value];
    if (preset) this.view.setWindow(preset[1], preset[2]);
  }

  showWindow() {
    const { level, width } = this.view;
    for (const [name, value] of [["level", level], ["width", width]]) {
      $(name).value = value;
      $(`${name}-value`).textContent = Math.round(value);
    }
    const index = this.presets.findIndex((preset) => Math.abs(preset[1] - level) < 0.5 && Math.abs(preset[2] - width) < 0.5);
    $("preset").value = index < 0 ? "" : String(index);
  }

  setHeat(on) {
    if ($("heat-on").disabled) return;
    $("heat-on").checked = on;
    $("heat").hidden = !on;
    this.view.heat.on = on;
    this.view.refresh();
    this.showPoint();
  }

  setOpacity(kind, percent) {
    const value = Math.min(Math.max(percent, 0), 100);
    $(`${kind}-opacity`).value = value;
    $(`${kind}-opacity-value`).textContent = `${value} %`;
    this.view[kind].opacity = value / 100;
    this.view.refresh();
  }

  /** Shows the values at the crosshair. */
  showPoint() {
    const { grid, point, voxels, mask, heat } = this.view;
    if (!voxels) return;
    const index = grid.offset(point);
    const items = [];
    const add = (name, value, colour) => {
      const item = document.createElement("span");
      if (colour) {
        const mark = document.createElement("i");
        mark.style.background = colour;
        item.append(mark);
      }
      const strong = document.createElement("b");
      strong.textContent = value;
      item.append(name ? `${name} ` : "", strong);
      items.push(item);
    };
    const [x, y, z] = grid.millimetres(point);
    const side = (value, plus, minus) => `${Math.abs(value).toFixed(1)} ${value >= 0 ? plus : minus}`;
    add("mm", `${side(x, "R", "L")}  ${side(y, "A", "P")}  ${side(z, "S", "I")}`);
    add(this.isCT ? "HU" : "Intensity", String(Number(voxels[index].toFixed(2))));
    const label = mask.map?.voxels[index] ?? 0;
    if (label > 0) add("", this.labels[label] ?? `label ${label}`, palette.colour(label));
    if (heat.on && heat.voxels) {
      const byte = heat.voxels[index];
      add(heat.name, byte === 0 ? "not evaluated" : heat.shown((byte - 1) / 254 * heat.maximum).toPrecision(2));
    }
    $("readout").replaceChildren(...items);
  }

  key(event) {
    switch (event.key) {
      case "w": {
        if (this.presets.length === 0) return true;
        const next = (Number($("preset").value || -1) + 1) % this.presets.length;
        $("preset").value = String(next);
        this.usePreset();
        break;
      }
      case "m":
        if (!$("mask-on").disabled) $("mask-on").click();
        break;
      case "u": this.setHeat(!this.view.heat.on); break;
      case "[": case "]": {
        const kind = this.view.heat.on ? "heat" : "mask";
        this.setOpacity(kind, Math.round(this.view[kind].opacity * 100) + (event.key === "]" ? 10 : -10));
        break;
      }
      default: return false;
    }
    return true;
  }
}
