// The layers of a pane's slice, in pixels of the slice: image, cover (mask, uncertainty, difference) and outlines. A
// layer is redrawn only if its content has changed; while a mask is painted, only the changed part is redrawn.

import { heatTable, palette } from "./palette.js";

const heatColours = heatTable();
const WHOLE = { left: 0, top: 0, right: Infinity, bottom: Infinity };

export class Layers {
  constructor(pane) {
    this.pane = pane;
    this.canvases = { image: document.createElement("canvas"), cover: document.createElement("canvas") };
    this.pixels = {};
    this.keys = {};
    this.dirty = null;
    this.paths = new Map();
  }

  /** Records that the mask has changed inside a box of patient indices; returns whether the slice shows it. */
  invalidate({ low, high }) {
    const { plane, columns, rows, slice } = this.pane;
    if (slice < low[plane.through] || slice > high[plane.through]) return false;
    const part = {
      left: columns - 1 - high[plane.columns], right: columns - 1 - low[plane.columns],
      top: rows - 1 - high[plane.rows], bottom: rows - 1 - low[plane.rows],
    };
    this.dirty = this.dirty ? {
      left: Math.min(this.dirty.left, part.left), right: Math.max(this.dirty.right, part.right),
      top: Math.min(this.dirty.top, part.top), bottom: Math.max(this.dirty.bottom, part.bottom),
    } : part;
    return true;
  }

  // Calls `body` with the pixel and the voxel's offset for every pixel of a part of the slice, row by row.
  forEachPixel({ left, top, right, bottom }, body) {
    const { view, plane, columns, rows, slice } = this.pane;
    const { grid } = view;
    const start = [0, 0, 0];
    start[plane.through] = slice;
    start[plane.columns] = columns - 1 - left;
    start[plane.rows] = rows - 1 - top;
    const across = -grid.stride[plane.columns];
    const down = -grid.stride[plane.rows];
    let line = grid.offset(start);
    for (let row = top; row <= Math.min(bottom, rows - 1); row++, line += down) {
      let pixel = row * columns + left;
      for (let column = left, index = line; column <= Math.min(right, columns - 1); column++, index += across) body(pixel++, index);
    }
  }

  // Prepares a layer's pixels; returns whether they must be completely redrawn.
  fresh(name, key) {
    const { columns, rows } = this.pane;
    const canvas = this.canvases[name];
    const isNew = this.keys[name] !== key;
    if (isNew && (canvas.width !== columns || canvas.height !== rows || !this.pixels[name])) {
      canvas.width = columns;
      canvas.height = rows;
      this.pixels[name] = canvas.getContext("2d").createImageData(columns, rows);
    }
    this.keys[name] = key;
    return isNew;
  }

  image() {
    const { voxels, level, width, scanVersion } = this.pane.view;
    if (this.fresh("image", [scanVersion, this.pane.slice, level, width].join())) {
      const pixels = new Uint32Array(this.pixels.image.data.buffer);
      const low = level - width / 2;
      const gain = 255 / Math.max(width, 1e-6);
      this.forEachPixel(WHOLE, (pixel, index) => {
        const grey = Math.min(255, Math.max(0, Math.round((voxels[index] - low) * gain)));
        pixels[pixel] = 0xff000000 | grey << 16 | grey << 8 | grey;
      });
      this.canvases.image.getContext("2d").putImageData(this.pixels.image, 0, 0);
    }
    return this.canvases.image;
  }

  /** Updates the cover and the outlines. */
  cover() {
    const isNew = this.fresh("cover", [this.pane.view.version, this.pane.slice].join());
    const part = isNew ? WHOLE : this.dirty;
    this.dirty = null;
    if (!part) return this.canvases.cover;
    const { columns, rows } = this.pane;
    const shown = {
      left: Math.max(0, part.left), top: Math.max(0, part.top),
      right: Math.min(columns - 1, part.right), bottom: Math.min(rows - 1, part.bottom),
    };
    this.paintCover(new Uint32Array(this.pixels.cover.data.buffer), shown);
    this.canvases.cover.getContext("2d").putImageData(
      this.pixels.cover, 0, 0, shown.left, shown.top, shown.right - shown.left + 1, shown.bottom - shown.top + 1);
    this.traceOutlines(shown, isNew);
    return this.canvases.cover;
  }

  paintCover(pixels, part) {
    const { mask, heat, other } = this.pane.view;
    const voxels = mask.on ? mask.map?.voxels : null;
    if (heat.on && heat.voxels) return this.paintHeat(pixels, part, heat);
    if (!voxels) return this.forEachPixel(part, (pixel) => { pixels[pixel] = 0; });
    const colours = palette.words(mask.opacity);
    if (!other) return this.forEachPixel(part, (pixel, index) => { pixels[pixel] = colours[voxels[index]]; });
    // Colours for voxels that only this mask has, and for voxels that only the other one has.
    const [more, less] = palette.difference.map((colour) => palette.word(colour, 0.75));
    this.forEachPixel(part, (pixel, index) => {
      const [one, two] = [voxels[index], other[index]];
      pixels[pixel] = one === two ? 0 : one === 0 ? less : more;
    });
  }

  paintHeat(pixels, part, heat) {
    // The colour and opacity of every byte, from its displayed value.
    const most = heat.shown(heat.maximum) || 1;
    const words = Uint32Array.from({ length: 256 }, (_, byte) => {
      const share = heat.shown((Math.max(byte, 1) - 1) / 254 * heat.maximum) / most;
      const step = Math.round(share * 255) * 3;
      // Small values are faint, so that the image stays visible where the uncertainty is low.
      return palette.word(heatColours.slice(step, step + 3), heat.opacity * Math.min(1, share * 4));
    });
    const dot = palette.word([150, 165, 185], 0.35);
    const { columns } = this.pane;
    this.forEachPixel(part, (pixel, index) => {
      const byte = heat.voxels[index];
      // Voxels that were not evaluated are shown as dots, unlike any uncertainty.
      pixels[pixel] = byte > 0 ? words[byte] : pixel % columns % 4 === 0 && Math.floor(pixel / columns) % 4 === 0 ? dot : 0;
    });
  }

  // Traces the outlines of the slice's labels in pixels of the slice: a line wherever two neighbours differ. Only lines
  // through the changed part are traced again.
  traceOutlines(part, isNew) {
    const { mask } = this.pane.view;
    const { columns, rows } = this.pane;
    const width = columns + 2;
    if (isNew) {
      // The labels of the slice with a margin of one pixel, and the edges of each row and column.
      this.labels = new Uint8Array(width * (rows + 2));
      this.edges = { rows: Array.from({ length: rows + 1 }, () => []), columns: Array.from({ length: columns + 1 }, () => []) };
    }
    const { labels, edges } = this;
    const voxels = mask.on ? mask.map?.voxels : null;
    this.paths = new Map();
    if (!voxels) return;
    this.forEachPixel(part, (pixel, index) => {
      const column = pixel % columns;
      labels[((pixel - column) / columns + 1) * width + column + 1] = voxels[index];
    });
    for (let row = part.top; row <= part.bottom + 1; row++) edges.rows[row] = this.edgesOf(row * width + 1, 1, columns, width);
    for (let column = part.left; column <= part.right + 1; column++) {
      edges.columns[column] = this.edgesOf(width + column, width, rows, 1);
    }
    const path = (label) => {
      if (!this.paths.has(label)) this.paths.set(label, new Path2D());
      return this.paths.get(label);
    };
    edges.rows.forEach((found, row) => {
      for (let n = 0; n < found.length; n += 3) {
        path(found[n]).moveTo(found[n + 1], row);
        path(found[n]).lineTo(found[n + 2], row);
      }
    });
    edges.columns.forEach((found, column) => {
      for (let n = 0; n < found.length; n += 3) {
        path(found[n]).moveTo(column, found[n + 1]);
        path(found[n]).lineTo(column, found[n + 2]);
      }
    });
  }

  // The runs of edges between two lines of pixels: label, start and end of each. An edge belongs to both labels.
  edgesOf(index, step, length, across) {
    const { labels } = this;
    const found = [];
    let before = 0, after = 0, start = 0;
    for (let at = 0; at <= length; at++, index += step) {
      const one = at < length ? labels[index] : 0;
      const two = at < length ? labels[index + across] : 0;
      if (one === before && two === after) continue;
      if (before !== after) {
        if (before > 0) found.push(before, start, at);
        if (after > 0) found.push(after, start, at);
      }
      before = one;
      after = two;
      start = at;
    }
    return found;
  }
}
