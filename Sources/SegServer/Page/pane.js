// One plane of a scan on a canvas: image, mask, uncertainty, crosshair, letters and scale.

import { PLANES } from "./grid.js";
import { heatTable, labelColour, labelTable } from "./palette.js";

const labelColours = labelTable();
const heatColours = heatTable();

export class Pane {
  constructor(figure, view) {
    this.figure = figure;
    this.view = view;
    this.name = figure.dataset.plane;
    this.plane = PLANES[this.name];
    this.canvas = figure.querySelector("canvas");
    this.slider = figure.querySelector(".slice");
    this.layers = { image: document.createElement("canvas"), cover: document.createElement("canvas") };
    this.keys = {};
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

  // Where the slice lies on the canvas, in device pixels: left, top, and pixels for a column and a row.
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
      // The point that was zoomed at is in the middle.
      left = this.canvas.width / 2 - (this.columns - zoom.centre[this.plane.columns] - 0.5) * across * scale;
      top = this.canvas.height / 2 - (this.rows - zoom.centre[this.plane.rows] - 0.5) * down * scale;
    }
    return { left, top, column: across * scale, row: down * scale, scale };
  }

  /** The patient's indices under a point of the page, inside the scan. */
  pointAt(clientX, clientY) {
    const box = this.canvas.getBoundingClientRect();
    const place = this.place();
    const column = Math.floor(((clientX - box.left) * this.ratio - place.left) / place.column);
    const row = Math.floor(((clientY - box.top) * this.ratio - place.top) / place.row);
    const point = [...this.view.point];
    point[this.plane.columns] = this.columns - 1 - Math.min(Math.max(column, 0), this.columns - 1);
    point[this.plane.rows] = this.rows - 1 - Math.min(Math.max(row, 0), this.rows - 1);
    return point;
  }

  // Calls with the index in memory of every pixel of the slice, row by row from the top left.
  forEachPixel(body) {
    const { grid } = this.view;
    const start = [0, 0, 0];
    start[this.plane.through] = this.slice;
    start[this.plane.columns] = this.columns - 1;
    start[this.plane.rows] = this.rows - 1;
    const across = -grid.stride[this.plane.columns];
    const down = -grid.stride[this.plane.rows];
    let line = grid.offset(start);
    for (let row = 0, pixel = 0; row < this.rows; row++, line += down) {
      for (let column = 0, index = line; column < this.columns; column++, index += across, pixel++) body(pixel, index);
    }
  }

  // A layer's pixels, made anew only when what they show has changed.
  paint(name, key, make) {
    const layer = this.layers[name];
    if (this.keys[name] === key) return layer;
    this.keys[name] = key;
    layer.width = this.columns;
    layer.height = this.rows;
    const context = layer.getContext("2d");
    const image = context.createImageData(this.columns, this.rows);
    make(image.data);
    context.putImageData(image, 0, 0);
    return layer;
  }

  imageLayer() {
    const { voxels, level, width, version } = this.view;
    return this.paint("image", [version, this.slice, level, width].join(), (data) => {
      const low = level - width / 2;
      const gain = 255 / Math.max(width, 1e-6);
      this.forEachPixel((pixel, index) => {
        const grey = (voxels[index] - low) * gain;
        data[pixel * 4] = data[pixel * 4 + 1] = data[pixel * 4 + 2] = grey;
        data[pixel * 4 + 3] = 255;
      });
    });
  }

  coverLayer() {
    const { mask, heat, version } = this.view;
    const key = [version, this.slice].join();
    return this.paint("cover", key, (data) => {
      if (heat.on && heat.voxels) this.paintHeat(data, heat);
      if (mask.on && mask.voxels) this.paintMask(data, mask);
    });
  }

  paintHeat(data, heat) {
    // Colour and strength of every byte, by what is shown of its value.
    const most = heat.shown(heat.maximum) || 1;
    const steps = Array.from({ length: 256 }, (_, byte) => heat.shown((Math.max(byte, 1) - 1) / 254 * heat.maximum) / most);
    this.forEachPixel((pixel, index) => {
      const byte = heat.voxels[index];
      const at = pixel * 4;
      if (byte === 0) {
        // Not evaluated: dots, which no amount of uncertainty looks like.
        const column = pixel % this.columns;
        const row = (pixel - column) / this.columns;
        if (column % 4 === 0 && row % 4 === 0) data.set([150, 165, 185, 90], at);
        return;
      }
      const share = steps[byte];
      const step = Math.round(share * 255) * 3;
      data[at] = heatColours[step];
      data[at + 1] = heatColours[step + 1];
      data[at + 2] = heatColours[step + 2];
      // What is small is faint, so that the image shows where nothing is in doubt.
      data[at + 3] = 255 * heat.opacity * Math.min(1, share * 4);
    });
  }

  paintMask(data, mask) {
    // Under the heat map the outline alone says where the organ is.
    if (this.view.heat.on && this.view.heat.voxels) return;
    this.forEachPixel((pixel, index) => {
      const label = mask.voxels[index];
      if (label === 0) return;
      const at = pixel * 4;
      data[at] = labelColours[label * 3];
      data[at + 1] = labelColours[label * 3 + 1];
      data[at + 2] = labelColours[label * 3 + 2];
      data[at + 3] = 255 * 0.7 * mask.opacity;
    });
  }

  // The outlines of the slice's labels, in pixels of the slice: a line wherever two neighbours differ.
  outlines() {
    const { mask, version } = this.view;
    const key = [version, this.slice].join();
    if (this.keys.outlines === key) return this.paths;
    this.keys.outlines = key;
    this.paths = new Map();
    const { columns, rows } = this;
    const labels = new Uint8Array((columns + 2) * (rows + 2));
    this.forEachPixel((pixel, index) => {
      const column = pixel % columns;
      labels[((pixel - column) / columns + 1) * (columns + 2) + column + 1] = mask.voxels[index];
    });
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const at = (row + 1) * (columns + 2) + column + 1;
        const label = labels[at];
        if (label === 0) continue;
        if (!this.paths.has(label)) this.paths.set(label, new Path2D());
        const path = this.paths.get(label);
        const line = (x1, y1, x2, y2) => { path.moveTo(column + x1, row + y1); path.lineTo(column + x2, row + y2); };
        if (labels[at - 1] !== label) line(0, 0, 0, 1);
        if (labels[at + 1] !== label) line(1, 0, 1, 1);
        if (labels[at - columns - 2] !== label) line(0, 0, 1, 0);
        if (labels[at + columns + 2] !== label) line(0, 1, 1, 1);
      }
    }
    return this.paths;
  }

  drawOutlines(context, place) {
    const { mask } = this.view;
    if (!mask.on || !mask.voxels || mask.opacity === 0) return;
    const matrix = new DOMMatrix([place.column, 0, 0, place.row, place.left, place.top]);
    context.lineWidth = 1.4 * this.ratio;
    context.lineCap = "square";
    for (const [label, path] of this.outlines()) {
      const placed = new Path2D();
      placed.addPath(path, matrix);
      context.strokeStyle = labelColour(label);
      context.globalAlpha = Math.min(1, 0.35 + mask.opacity);
      context.stroke(placed);
    }
    context.globalAlpha = 1;
  }

  draw() {
    const context = this.canvas.getContext("2d");
    context.fillStyle = "#000";
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.view.voxels) {
      this.slider.max = this.slider.value = 0;
      this.canvas.setAttribute("aria-label", `${this.name} slice: no scan`);
      return;
    }
    const place = this.place();
    const box = [place.left, place.top, this.columns * place.column, this.rows * place.row];
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "high";
    context.drawImage(this.imageLayer(), ...box);
    if ((this.view.mask.on && this.view.mask.voxels) || (this.view.heat.on && this.view.heat.voxels)) {
      context.imageSmoothingEnabled = false;
      context.drawImage(this.coverLayer(), ...box);
      this.drawOutlines(context, place);
    }
    if (this.view.crosshair) this.drawCrosshair(context, place);
    this.drawWords(context, place);
    this.slider.max = this.slices - 1;
    this.slider.value = this.slice;
    this.canvas.setAttribute("aria-label", `${this.name} slice ${this.slice + 1} of ${this.slices}`);
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

  // A bar of a round length, at most a fifth of the pane.
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
