// One plane of a scan on a canvas: image, mask, uncertainty, crosshair, letters and scale.

import { PLANES } from "./grid.js";
import { Layers } from "./layers.js";
import { palette } from "./palette.js";

export class Pane {
  constructor(figure, view) {
    this.figure = figure;
    this.view = view;
    this.name = figure.dataset.plane;
    this.plane = PLANES[this.name];
    this.canvas = figure.querySelector("canvas");
    this.slider = figure.querySelector(".slice");
    this.layers = new Layers(this);
    this.sheets = {};
    new ResizeObserver(() => this.resize()).observe(this.canvas);
  }

  get columns() { return this.view.grid.size[this.plane.columns]; }
  get rows() { return this.view.grid.size[this.plane.rows]; }
  get slices() { return this.view.grid.size[this.plane.through]; }
  get slice() { return this.view.point[this.plane.through]; }

  resize() {
    const ratio = window.devicePixelRatio || 1;
    const box = this.canvas.getBoundingClientRect();
    this.ratio = ratio;
    this.canvas.width = Math.max(1, Math.round(box.width * ratio));
    this.canvas.height = Math.max(1, Math.round(box.height * ratio));
    this.draw();
  }

  // The position of the slice on the canvas, in device pixels: left, top, and the size of a column and a row.
  place() {
    const { grid, zoom } = this.view;
    const across = grid.spacing[this.plane.columns];
    const down = grid.spacing[this.plane.rows];
    const margin = 26 * this.ratio;
    const fit = Math.min(
      (this.canvas.width - 2 * margin) / (this.columns * across), (this.canvas.height - 2 * margin) / (this.rows * down));
    const scale = Math.max(fit, 0.01) * zoom.factor;
    const [width, height] = [this.columns * across * scale, this.rows * down * scale];
    let left = (this.canvas.width - width) / 2;
    let top = (this.canvas.height - height) / 2;
    if (zoom.factor > 1) {
      // The point of the zoom is in the middle.
      left = this.canvas.width / 2 - (this.columns - zoom.centre[this.plane.columns] - 0.5) * across * scale;
      top = this.canvas.height / 2 - (this.rows - zoom.centre[this.plane.rows] - 0.5) * down * scale;
    }
    return { left, top, column: across * scale, row: down * scale, scale };
  }

  /** The patient indices at a point of the page; they may be between voxels or outside of the scan. */
  placeAt(clientX, clientY) {
    const box = this.canvas.getBoundingClientRect();
    const place = this.place();
    const point = [...this.view.point];
    point[this.plane.columns] = this.columns - 0.5 - ((clientX - box.left) * this.ratio - place.left) / place.column;
    point[this.plane.rows] = this.rows - 0.5 - ((clientY - box.top) * this.ratio - place.top) / place.row;
    return point;
  }

  /** The nearest voxel of the scan to a point of the page. */
  pointAt(clientX, clientY) {
    const { size } = this.view.grid;
    return this.placeAt(clientX, clientY).map((index, axis) => Math.min(Math.max(Math.round(index), 0), size[axis] - 1));
  }

  drawOutlines(context, place) {
    const { mask } = this.view;
    if (!mask.on || !mask.map || mask.opacity === 0) return;
    const matrix = new DOMMatrix([place.column, 0, 0, place.row, place.left, place.top]);
    context.lineWidth = 1.4 * this.ratio;
    context.lineCap = "square";
    for (const [label, path] of this.layers.paths) {
      const placed = new Path2D();
      placed.addPath(path, matrix);
      context.strokeStyle = palette.colour(label);
      context.globalAlpha = Math.min(1, 0.35 + mask.opacity);
      context.stroke(placed);
    }
    context.globalAlpha = 1;
  }

  // A hidden canvas of the same size, which is redrawn only if its key changes, because smooth scaling and text are slow.
  sheet(name, key, draw) {
    const { width, height } = this.canvas;
    const sheet = this.sheets[name] ??= document.createElement("canvas");
    const whole = [width, height, key].join();
    if (sheet.dataset.key === whole) return sheet;
    sheet.dataset.key = whole;
    [sheet.width, sheet.height] = [width, height];
    draw(sheet.getContext("2d"));
    return sheet;
  }

  draw() {
    const context = this.canvas.getContext("2d");
    if (!this.view.voxels) {
      this.clear(context);
      return;
    }
    const place = this.place();
    const box = [place.left, place.top, this.columns * place.column, this.rows * place.row];
    const image = this.layers.image();
    context.drawImage(this.sheet("image", [this.layers.keys.image, ...box].join(), (sheet) => {
      sheet.fillStyle = "#000";
      sheet.fillRect(0, 0, this.canvas.width, this.canvas.height);
      sheet.imageSmoothingQuality = "high";
      sheet.drawImage(image, ...box);
    }), 0, 0);
    if ((this.view.mask.on && this.view.mask.map) || (this.view.heat.on && this.view.heat.voxels)) {
      context.imageSmoothingEnabled = false;
      context.drawImage(this.layers.cover(), ...box);
      this.drawOutlines(context, place);
    }
    if (this.view.crosshair) this.drawCrosshair(context, place);
    if (this.view.brush && this.pointer) this.drawBrush(context, place);
    const words = `${this.name} slice ${this.slice + 1} of ${this.slices}`;
    context.drawImage(this.sheet("words", [words, place.scale].join(), (sheet) => this.drawWords(sheet, place)), 0, 0);
    if (this.canvas.ariaLabel === words) return;
    this.slider.max = this.slices - 1;
    this.slider.value = this.slice;
    this.canvas.ariaLabel = words;
  }

  clear(context) {
    context.fillStyle = "#000";
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    this.slider.max = this.slider.value = 0;
    this.canvas.ariaLabel = `${this.name} slice: no scan`;
  }

  drawCrosshair(context, place) {
    const column = this.columns - 1 - this.view.point[this.plane.columns];
    const row = this.rows - 1 - this.view.point[this.plane.rows];
    const x = Math.round(place.left + (column + 0.5) * place.column) + 0.5;
    const y = Math.round(place.top + (row + 0.5) * place.row) + 0.5;
    const gap = 9 * this.ratio;
    context.strokeStyle = "rgba(255, 214, 102, 0.75)";
    context.lineWidth = this.ratio;
    context.beginPath();
    for (const [x1, y1, x2, y2] of [
      [0, y, x - gap, y], [x + gap, y, this.canvas.width, y], [x, 0, x, y - gap], [x, y + gap, x, this.canvas.height],
    ]) {
      context.moveTo(x1, y1);
      context.lineTo(x2, y2);
    }
    context.stroke();
  }

  // Draws the brush around the pointer, at the size that it paints.
  drawBrush(context, place) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [(this.pointer[0] - box.left) * this.ratio, (this.pointer[1] - box.top) * this.ratio];
    context.strokeStyle = this.view.brush.colour;
    context.lineWidth = 1.5 * this.ratio;
    context.beginPath();
    context.arc(x, y, Math.max(2, this.view.brush.radius * place.scale), 0, 2 * Math.PI);
    context.stroke();
  }

  drawWords(context, place) {
    const { width, height } = this.canvas;
    const unit = this.ratio;
    const write = (text, x, y, align, size, weight, colour) => {
      context.font = `${weight} ${size * unit}px system-ui, "Noto Sans", "DejaVu Sans", sans-serif`;
      context.textAlign = align;
      context.textBaseline = "middle";
      context.shadowColor = "#000";
      context.shadowBlur = 4 * unit;
      context.fillStyle = colour;
      context.fillText(text, x, y);
      context.shadowBlur = 0;
    };
    const letters = this.plane.letters;
    write(letters[0], 14 * unit, height / 2, "center", 14, 600, "#cfd6df");
    write(letters[1], width - 14 * unit, height / 2, "center", 14, 600, "#cfd6df");
    write(letters[2], width / 2, 15 * unit, "center", 14, 600, "#cfd6df");
    write(letters[3], width / 2, height - 15 * unit, "center", 14, 600, "#cfd6df");
    write(`${this.slice + 1} / ${this.slices}`, 12 * unit, height - 16 * unit, "left", 12, 400, "#9aa5b4");
    this.drawScale(context, place, write);
  }

  // Draws a scale bar of a round length, at most a fifth of the pane.
  drawScale(context, place, write) {
    const { width, height } = this.canvas;
    const length = [200, 100, 50, 20, 10, 5, 2, 1].find((mm) => mm * place.scale <= width / 5) ?? 1;
    const pixels = length * place.scale;
    const right = width - 14 * this.ratio;
    const bottom = height - 11 * this.ratio;
    context.strokeStyle = "#cfd6df";
    context.lineWidth = 1.5 * this.ratio;
    context.beginPath();
    context.moveTo(right - pixels, bottom - 4 * this.ratio);
    context.lineTo(right - pixels, bottom);
    context.lineTo(right, bottom);
    context.lineTo(right, bottom - 4 * this.ratio);
    context.stroke();
    write(`${length} mm`, right, bottom - 12 * this.ratio, "right", 11, 400, "#9aa5b4");
  }
}
