// Colours of labels and of the uncertainty map.

const LABELS = [
  "#5ad1e6", "#ffb454", "#c792ea", "#9bd86a", "#ff7a90", "#6ea8fe",
  "#f2e36b", "#e08bd0", "#57d9a3", "#ff9e6d", "#a8b8cc", "#d7a26e",
];

/** The colour of a label as `#rrggbb`; labels from 1 on, repeating after twelve. */
export function labelColour(label) { return LABELS[(label - 1) % LABELS.length]; }

/** The colour of every byte of a mask as r, g, b. */
export function labelTable() {
  const table = new Uint8Array(256 * 3);
  for (let label = 1; label < 256; label++) {
    const number = parseInt(labelColour(label).slice(1), 16);
    table.set([number >> 16, (number >> 8) & 255, number & 255], label * 3);
  }
  return table;
}

// Dark violet over red to pale yellow: lightness rises evenly, so that it reads without colour too.
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
