// The connected components of a label, found from runs of consecutive voxels in memory.

/** Keeps the largest connected component of a label; voxels that touch at a corner are connected. */
export function keepLargest(map, label) {
  const box = map.boxes.get(label);
  if (!box) return;
  const runs = new Runs(map, label, box);
  const largest = runs.largest();
  for (let run = 0; run < runs.count; run++) {
    if (runs.root(run) === largest) continue;
    for (let n = 0, index = runs.places[run]; n < runs.lengths[run]; n++, index += runs.stride) map.put(index, 0);
  }
  map.touched(0, box.low, box.high);
}

class Runs {
  constructor(map, label, { low, high }) {
    this.count = 0;
    // For each run: its start in its line and in memory, its length, and its parent in the union-find forest of components.
    this.starts = [];
    this.places = [];
    this.lengths = [];
    this.parents = [];
    // The first run of each line; the lines form a grid in the order of forEachLine.
    const firsts = [];
    map.grid.forEachLine((index, length, stride) => {
      this.stride = stride;
      firsts.push(this.count);
      this.read(map.voxels, label, index, length);
    }, low, high);
    firsts.push(this.count);
    const [, middle] = [0, 1, 2].sort((a, b) => Math.abs(map.grid.stride[b]) - Math.abs(map.grid.stride[a]));
    this.connect(firsts, high[middle] - low[middle] + 1);
  }

  read(voxels, label, index, length) {
    const { stride } = this;
    for (let n = 0; n < length; n++, index += stride) {
      if (voxels[index] !== label) continue;
      const [start, place] = [n, index];
      while (n + 1 < length && voxels[index + stride] === label) {
        n++;
        index += stride;
      }
      this.starts.push(start);
      this.places.push(place);
      this.lengths.push(n - start + 1);
      this.parents.push(this.count++);
    }
  }

  // Joins the runs of every line with the touching runs of the four previous neighbour lines.
  connect(firsts, width) {
    for (let line = 0; line + 1 < firsts.length; line++) {
      const column = line % width;
      const before = [];
      if (column > 0) before.push(line - 1);
      if (line >= width) {
        before.push(line - width);
        if (column > 0) before.push(line - width - 1);
        if (column + 1 < width) before.push(line - width + 1);
      }
      for (const other of before) this.join(firsts[line], firsts[line + 1], firsts[other], firsts[other + 1]);
    }
  }

  join(a, endA, b, endB) {
    const { starts, lengths } = this;
    while (a < endA && b < endB) {
      const [lastA, lastB] = [starts[a] + lengths[a], starts[b] + lengths[b]];
      // Runs touch if no voxel is between them.
      if (starts[a] <= lastB && starts[b] <= lastA) this.parents[this.root(a)] = this.root(b);
      if (lastA < lastB) a++; else b++;
    }
  }

  root(run) {
    const { parents } = this;
    while (parents[run] !== run) run = parents[run] = parents[parents[run]];
    return run;
  }

  /** The root of the component with the most voxels. */
  largest() {
    const sizes = new Map();
    let best = -1;
    for (let run = 0; run < this.count; run++) {
      const root = this.root(run);
      sizes.set(root, (sizes.get(root) ?? 0) + this.lengths[run]);
      if (best < 0 || sizes.get(root) > sizes.get(best)) best = root;
    }
    return best;
  }
}
