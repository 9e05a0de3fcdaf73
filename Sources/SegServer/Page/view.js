// The content of the three planes, and its control by mouse and keys.

import { Grid } from "./grid.js";
import { Pane } from "./pane.js";

const ZOOMS = [1, 1.5, 2, 3, 4, 6, 8];

export class View extends EventTarget {
  constructor(root) {
    super();
    this.root = root;
    this.voxels = null;
    this.mask = { on: true, opacity: 0.45, map: null };
    // The voxels of the mask with which this one is compared.
    this.other = null;
    // The tool that uses the pointer instead of the crosshair, and the brush that is shown: { radius, colour }.
    this.tool = this.brush = null;
    // The action of the pressed pointer: { pane, pointer, … }.
    this.drag = null;
    this.heat = { on: false, opacity: 0.75, voxels: null, kind: "" };
    this.crosshair = true;
    this.zoom = { factor: 1, centre: [0, 0, 0] };
    this.level = 50;
    this.width = 400;
    this.version = this.scanVersion = 0;
    // The panes to draw on the next frame.
    this.waiting = new Set();
    this.panes = [...root.querySelectorAll(".pane")].map((figure) => new Pane(figure, this));
    for (const pane of this.panes) this.listen(pane);
  }

  /** Shows a scan, without any mask. */
  show(facts, voxels) {
    this.grid = new Grid(facts);
    this.voxels = voxels;
    this.point = this.grid.size.map((extent) => Math.floor(extent / 2));
    this.zoom.factor = 1;
    this.scanVersion++;
    this.clearResults();
    this.changed("point");
  }

  /** Shows no scan. */
  clear() {
    this.voxels = this.grid = this.point = null;
    this.clearResults();
  }

  /** Shows a mask and its changes. */
  showMask(map) {
    this.mask.map = map;
    this.other = null;
    map.addEventListener("change", (event) => {
      if (this.mask.map !== map) return;
      for (const pane of this.panes) if (pane.layers.invalidate(event.detail)) this.draw(pane);
    });
    this.refresh();
  }

  /** Shows the differences from another mask; null ends the comparison. */
  compareWith(voxels) {
    this.other = voxels;
    this.refresh();
  }

  showHeat(kind, voxels) {
    Object.assign(this.heat, { kind, voxels });
    this.refresh();
  }

  clearResults() {
    this.mask.map = this.other = null;
    this.heat.voxels = null;
    this.refresh();
  }

  /** Redraws after the content has changed. */
  refresh() {
    this.version++;
    this.draw();
  }

  /** Draws one pane, or all, on the next frame; repeated requests are combined. */
  draw(...panes) {
    for (const pane of panes.length > 0 ? panes : this.panes) this.waiting.add(pane);
    if (this.isAsked) return;
    this.isAsked = true;
    requestAnimationFrame(() => {
      this.isAsked = false;
      for (const pane of this.waiting) pane.draw();
      this.waiting.clear();
    });
  }

  changed(what) {
    this.draw();
    this.dispatchEvent(new CustomEvent(what));
  }

  moveTo(point) {
    if (!this.voxels) return;
    this.point = point.map((index, axis) => Math.min(Math.max(index, 0), this.grid.size[axis] - 1));
    this.changed("point");
  }

  step(axis, by) {
    if (!this.voxels) return;
    const point = [...this.point];
    point[axis] += by;
    this.moveTo(point);
  }

  setWindow(level, width) {
    this.level = level;
    this.width = Math.max(1, width);
    this.changed("window");
  }

  /** Moves to the middle of a label: to its voxel nearest to its centre of mass. */
  centreOn(label) {
    const { map } = this.mask;
    const box = map?.boxes.get(label);
    if (!box) return;
    const sum = [0, 0, 0];
    let count = 0;
    const each = (body) => this.grid.forEachLine((index, length, stride, start, axis) => {
      const point = [...start];
      for (let n = 0; n < length; n++, index += stride, point[axis]++) if (map.voxels[index] === label) body(point);
    }, box.low, box.high);
    each((point) => { for (let axis = 0; axis < 3; axis++) sum[axis] += point[axis]; count++; });
    if (count === 0) return;
    const centre = sum.map((total) => total / count);
    let best = null;
    let least = Infinity;
    each((point) => {
      const distance = (point[0] - centre[0]) ** 2 + (point[1] - centre[1]) ** 2 + (point[2] - centre[2]) ** 2;
      if (distance < least) [least, best] = [distance, [...point]];
    });
    this.moveTo(best);
  }

  /** Zooms in or out by steps; 0 shows everything. */
  zoomBy(steps) {
    const at = ZOOMS.indexOf(this.zoom.factor);
    this.zoom = {
      factor: steps === 0 ? 1 : ZOOMS[Math.min(Math.max(at + steps, 0), ZOOMS.length - 1)], centre: [...(this.point ?? [0, 0, 0])],
    };
    this.draw();
  }

  /** Toggles between one large plane and all three. */
  toggleLarge(pane) {
    const isLarge = this.root.classList.toggle("solo");
    for (const other of this.panes) other.figure.classList.toggle("large", isLarge && other === pane);
    pane.canvas.focus({ preventScroll: true });
  }

  /** The plane with the keyboard focus, otherwise the axial one. */
  get active() { return this.panes.find((pane) => pane.figure.contains(document.activeElement)) ?? this.panes[0]; }

  focus(name) {
    const pane = this.panes.find((pane) => pane.name === name);
    if (this.root.classList.contains("solo")) {
      for (const other of this.panes) other.figure.classList.toggle("large", other === pane);
    }
    pane.canvas.focus();
  }

  endDrag() {
    const { drag } = this;
    this.drag = null;
    drag?.tool?.up();
  }

  listen(pane) {
    const { canvas, plane } = pane;
    let wheel = 0;
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      // Trackpads send many small steps, wheels a few large ones.
      wheel += event.deltaMode === 0 ? event.deltaY / 40 : event.deltaY;
      const steps = Math.trunc(wheel);
      wheel -= steps;
      if (steps !== 0) this.step(plane.through, -Math.sign(steps) * Math.min(Math.abs(steps), 3));
    }, { passive: false });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("dblclick", () => { if (!this.tool) this.toggleLarge(pane); });
    canvas.addEventListener("pointerdown", (event) => {
      if (!this.voxels) return;
      // A palm beside the pen must not start a second stroke.
      if (this.drag && this.drag.pointer !== event.pointerId) return;
      this.endDrag();
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(event.pointerId);
      const window = event.button === 2 || event.shiftKey;
      const mine = { pane, pointer: event.pointerId };
      if (!window && this.tool?.down(pane, event)) {
        this.drag = { ...mine, tool: this.tool };
        return;
      }
      this.drag = { ...mine, window, x: event.clientX, y: event.clientY, level: this.level, width: this.width };
      if (!window) this.moveTo(pane.pointAt(event.clientX, event.clientY));
    });
    canvas.addEventListener("pointermove", (event) => {
      const { drag } = this;
      if (drag && drag.pointer !== event.pointerId) return;
      pane.pointer = [event.clientX, event.clientY];
      if (this.brush) this.draw(pane);
      if (drag?.pane !== pane || !this.voxels) return;
      if (drag.tool) return drag.tool.move(pane, event);
      if (!drag.window) return this.moveTo(pane.pointAt(event.clientX, event.clientY));
      const gain = Math.max(drag.width, 20) / 250;
      this.setWindow(drag.level + (event.clientY - drag.y) * gain, drag.width + (event.clientX - drag.x) * gain);
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(end, (event) => { if (this.drag?.pointer === event.pointerId) this.endDrag(); });
    }
    canvas.addEventListener("pointerleave", () => { pane.pointer = null; this.draw(pane); });
    canvas.addEventListener("focus", () => this.draw());
    pane.slider.addEventListener("input", () => {
      if (!this.voxels) return;
      const point = [...this.point];
      point[plane.through] = Number(pane.slider.value);
      this.moveTo(point);
    });
  }

  /** Handles a key; returns whether the key has a meaning. */
  key(event) {
    const plane = this.active.plane;
    const far = event.shiftKey ? 10 : 1;
    switch (event.key) {
      case "1": this.focus("axial"); break;
      case "2": this.focus("coronal"); break;
      case "3": this.focus("sagittal"); break;
      case "PageUp": this.step(plane.through, far); break;
      case "PageDown": this.step(plane.through, -far); break;
      // Columns and rows run against the patient's axes.
      case "ArrowLeft": this.step(plane.columns, far); break;
      case "ArrowRight": this.step(plane.columns, -far); break;
      case "ArrowUp": this.step(plane.rows, far); break;
      case "ArrowDown": this.step(plane.rows, -far); break;
      case "f": this.toggleLarge(this.active); break;
      case "+": case "=": this.zoomBy(1); break;
      case "-": this.zoomBy(-1); break;
      case "0": this.zoomBy(0); break;
      case "x": this.crosshair = !this.crosshair; this.draw(); break;
      default: return false;
    }
    return true;
  }
}
