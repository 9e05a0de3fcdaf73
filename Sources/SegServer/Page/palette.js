// Colours of labels, as the server gives them, and of the uncertainty map.

const HEX = (text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));

class Palette {
  constructor() {
    this.running = ["#888888"];
    this.named = new Map();
    /** The colours of voxels that only this mask has, and of those that only the other one has. */
    this.difference = [HEX("#f0a028"), HEX("#4c8dff")];
  }

  /** Sets the server's colours for unnamed label numbers. */
  run(colours) { this.running = colours; }

  /** Sets the server's colours for the labels of a model. */
  name(labels) {
    this.named = new Map(labels.map(({ label, colour }) => [label, colour]));
    this.alpha = null;
  }

  /** The colour of a label as `#rrggbb`; an unnamed label gets it by its number. */
  colour(label) { return this.named.get(label) ?? this.running[(label - 1) % this.running.length]; }

  /** A colour as a pixel of a canvas. */
  word([red, green, blue], alpha) { return (Math.round(255 * alpha) << 24 | blue << 16 | green << 8 | red) >>> 0; }

  /** The canvas pixel of every byte of a mask. */
  words(alpha) {
    if (this.alpha === alpha) return this.pixels;
    this.alpha = alpha;
    this.pixels = Uint32Array.from({ length: 256 }, (_, label) => (label > 0 ? this.word(HEX(this.colour(label)), alpha) : 0));
    return this.pixels;
  }
}

export const palette = new Palette();

// From dark violet over red to pale yellow: lightness rises evenly, so that the map is readable without colour.
const HEAT = [[8, 5, 30], [52, 16, 100], [110, 26, 110], [166, 45, 96], [216, 76, 62], [246, 130, 26], [251, 194, 46], [253, 253, 170]];

/** The colour of each of 256 steps of the map as r, g, b. */
export function heatTable() {
  const table = new Uint8Array(256 * 3);
  for (let step = 0; step < 256; step++) {
    const position = (step / 255) * (HEAT.length - 1);
    const first = Math.min(Math.floor(position), HEAT.length - 2);
    const share = position - first;
    for (let c = 0; c < 3; c++) {
      table[step * 3 + c] = Math.round(HEAT[first][c] * (1 - share) + HEAT[first + 1][c] * share);
    }
  }
  return table;
}
