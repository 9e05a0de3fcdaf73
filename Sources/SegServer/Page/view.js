// What the three planes show, and how mouse and keys change it.

import { Grid } from "./grid.js";
import { Pane } from "./pane.js";

const ZOOMS = [1, 1.5, 2, 3, 4, 6, 8];

export class View extends EventTarget {
  constructor(root) {
    super();
    this.root = root;
    this.voxels = null;
    this.mask = { on: true, opacity: 0.45, voxels: null };
    this.heat = { on: false, opacity: 0.75, voxels: null, kind: "" };
    this.crosshair = true;
    this.zoom = { factor: 1, centre: [0, 0, 0] };
    this.level = 50;
    this.width = 400;
    this.version = 0;
    this.panes = [...root.querySelectorAll(".pane")].map((figure) => new Pane(figure, this));
    for (const pane of this.panes) this.listen(pane);
  }

  /** Shows a scan, without any mask. */
  show(facts, voxels) {
    this.grid = new Grid(facts);
    this.voxels = voxels;
    this.point = this.grid.size.map((extent) => Math.floor(extent / 2));
    this.zoom.factor = 1;
    this.clearResults();
    this.changed("point");
  }

  /** Shows nothing. */
  clear() {
    this.voxels = this.grid = this.point = null;
    this.clearResults();
  }

  /** Shows a mask and, if there is one, a map; both lie on the scan's grid. */
  showMask(mask) {
    this.mask.voxels = mask;
    this.refresh();
  }

  showHeat(kind, voxels) {
    Object.assign(this.heat, { kind, voxels });
    this.refresh();
  }

  clearResults() {
    this.mask.voxels = null;
    this.heat.voxels = null;
    this.refresh();
  }

  /** Draws anew after what is shown has changed. */
  refresh() {
    this.version++;
    this.draw();
  }

  /** Draws on the next frame, however often it is asked for. */
  draw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      for (const pane of this.panes) pane.draw();
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

  /** Goes to the middle of a label: the voxel of it that is nearest to its centre of mass. */
  centreOn(label) {
    const { mask, grid } = this;
    if (!mask.voxels) return;
    const sum = [0, 0, 0];
    let count = 0;
    const each = (body) => {
      for (let x = 0; x < grid.size[0]; x++) {
        for (let y = 0; y < grid.size[1]; y++) {
          let index = grid.offset([x, y, 0]);
          for (let z = 0; z < grid.size[2]; z++, index += grid.stride[2]) if (mask.voxels[index] === label) body(x, y, z);
        }
      }
    };
    each((x, y, z) => { sum[0] += x; sum[1] += y; sum[2] += z; count++; });
    if (count === 0) return;
    const centre = sum.map((total) => total / count);
    let best = null;
    let least = Infinity;
    each((x, y, z) => {
      const distance = (x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2;
      if (distance < least) [least, best] = [distance, [x, y, z]];
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

  /** One plane large, or all three. */
  toggleLarge(pane) {
    const isLarge = this.root.classList.toggle("solo");
    for (const other of this.panes) other.figure.classList.toggle("large", isLarge && other === pane);
    pane.canvas.focus({ preventScroll: true });
  }

  /** The plane that has the keyboard, else the axial one. */
  get active() { return this.panes.find((pane) => pane.figure.contains(document.activeElement)) ?? this.panes[0]; }

  focus(name) {
    const pane = this.panes.find((pane) => pane.name === name);
    if (this.root.classList.contains("solo")) {
      for (const other of this.panes) other.figure.classList.toggle("large", other === pane);
    }
    pane.canvas.focus();
  }

  listen(pane) {
    const { canvas, plane } = pane;
    let wheel = 0;
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      // Trackpads send many small steps, wheels few large ones.
      wheel += event.deltaMode === 0 ? event.deltaY / 40 : event.deltaY;
      const steps = Math.trunc(wheel);
      wheel -= steps;
      if (steps !== 0) this.step(plane.through, -Math.sign(steps) * Math.min(Math.abs(steps), 3));
    }, { passive: false });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("dblclick", () => this.toggleLarge(pane));
    let drag = null;
    canvas.addEventListener("pointerdown", (event) => {
      if (!this.voxels) return;
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(event.pointerId);
      const window = event.button === 2 || event.shiftKey;
      drag = { window, x: event.clientX, y: event.clientY, level: this.level, width: this.width };
      if (!window) this.moveTo(pane.pointAt(event.clientX, event.clientY));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!drag || !this.voxels) return;
      if (!drag.window) return this.moveTo(pane.pointAt(event.clientX, event.clientY));
      const gain = Math.max(drag.width, 20) / 250;
      this.setWindow(drag.level + (event.clientY - drag.y) * gain, drag.width + (event.clientX - drag.x) * gain);
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { drag = null; });
    canvas.addEventListener("focus", () => this.draw());
    pane.slider.addEventListener("input", () => {
      if (!this.voxels) return;
      const point = [...this.point];
      point[plane.through] = Number(pane.slider.value);
      this.moveTo(point);
    });
  }

  /** Handles a key; true where it meant something. */
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
