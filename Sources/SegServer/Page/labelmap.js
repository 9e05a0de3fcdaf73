// A mask that can be corrected: its voxels, their measurements, and every change with its undo.

/** The maximum number of bytes for undo; the oldest changes are dropped first. */
const MEMORY = 256 << 20;

export class LabelMap extends EventTarget {
  /** Takes ownership of voxels (one byte each); `intensities` are the scan's, in the same order. */
  constructor(voxels, intensities, grid) {
    super();
    this.voxels = voxels;
    this.intensities = intensities;
    this.grid = grid;
    this.counts = new Float64Array(256);
    this.sums = new Float64Array(256);
    // The smallest and largest index of each label along x, y and z; the box may be larger than the label, never
    // smaller.
    this.boxes = new Map();
    this.done = [];
    this.undone = [];
    this.step = null;
    // Whether changes were dropped from the history.
    this.hasForgotten = false;
    // The last change that was saved; null for the original mask.
    this.saved = null;
    this.measure();
  }

  // The only pass over all voxels.
  measure() {
    const { voxels, intensities, grid, counts, sums } = this;
    grid.forEachLine((index, length, stride, start, axis) => {
      for (let n = 0; n < length; n++, index += stride) {
        const label = voxels[index];
        if (label === 0) continue;
        counts[label]++;
        sums[label] += intensities[index];
        const point = [...start];
        point[axis] = n;
        this.widen(label, point, point);
        // Of a run of one label, only the first and the last point are needed.
        let last = n;
        while (last + 1 < length && voxels[index + stride] === label) {
          last++;
          index += stride;
          counts[label]++;
          sums[label] += intensities[index];
        }
        if (last > n) {
          point[axis] = n = last;
          this.widen(label, point, point);
        }
      }
    });
  }

  widen(label, low, high) {
    const box = this.boxes.get(label);
    if (!box) {
      this.boxes.set(label, { low: [...low], high: [...high] });
      return;
    }
    for (let axis = 0; axis < 3; axis++) {
      if (low[axis] < box.low[axis]) box.low[axis] = low[axis];
      if (high[axis] > box.high[axis]) box.high[axis] = high[axis];
    }
  }

  /** The voxels, mL and mean intensity of a label. */
  measured(label) {
    const voxels = this.counts[label];
    return { voxels, ml: voxels * this.grid.voxelVolume / 1000, mean: voxels > 0 ? this.sums[label] / voxels : null };
  }

  /** The labels that have voxels, in order. */
  get labels() { return [...this.counts.keys()].filter((label) => label > 0 && this.counts[label] > 0); }

  /** Whether there are changes that have not been saved. */
  get isChanged() { return this.step !== null || this.last !== this.saved; }

  /** Whether the voxels may differ from the original ones. */
  get isCorrected() { return this.hasForgotten || this.step !== null || this.done.length > 0; }

  /** The last change. */
  get last() { return this.done.at(-1) ?? null; }

  /** Records that the mask was saved in its state after a change. */
  markSaved(step) {
    this.saved = step;
    this.dispatchEvent(new Event("history"));
  }

  // MARK: Changes

  /** Starts a change that is undone as one step; false while another change is in progress. */
  begin(name) {
    if (this.step) return false;
    this.step = new Step(name);
    return true;
  }

  /** Sets the label of a voxel. */
  put(index, label) {
    const before = this.voxels[index];
    if (before === label) return;
    this.step.add(index, before);
    this.write(index, before, label);
  }

  write(index, before, label) {
    const intensity = this.intensities[index];
    this.voxels[index] = label;
    this.counts[before]--;
    this.sums[before] -= intensity;
    this.counts[label]++;
    this.sums[label] += intensity;
  }

  /** Records that voxels of a box may have been given a label. */
  touched(label, low, high) {
    if (label > 0) this.widen(label, low, high);
    this.step.widen(low, high);
    this.tell(low, high);
  }

  /** Ends a change; a change without effect is dropped. */
  end() {
    const { step } = this;
    this.step = null;
    if (!step || step.count === 0) return false;
    step.pack();
    this.done.push(step);
    this.undone = [];
    let bytes = this.done.reduce((sum, one) => sum + one.bytes, 0);
    while (bytes > MEMORY && this.done.length > 1) {
      const lost = this.done.shift();
      this.hasForgotten = true;
      bytes -= lost.bytes;
      // Undo cannot return to the state that was saved before this change.
      if (this.saved === null || !this.done.includes(this.saved)) this.saved = lost;
    }
    this.dispatchEvent(new Event("history"));
    return true;
  }

  /** Reverts the begun change. */
  cancel() {
    const { step } = this;
    this.step = null;
    if (step) this.swap(step);
  }

  undo() { return this.move(this.done, this.undone); }
  redo() { return this.move(this.undone, this.done); }

  move(from, to) {
    if (this.step || from.length === 0) return null;
    const step = from.pop();
    this.swap(step);
    to.push(step);
    this.dispatchEvent(new Event("history"));
    return step;
  }

  // Exchanges the labels in a step with those of the mask, for undo and redo.
  swap(step) {
    for (let n = step.count - 1; n >= 0; n--) {
      const index = step.indices[n];
      const now = this.voxels[index];
      this.write(index, now, step.labels[n]);
      step.labels[n] = now;
    }
    if (step.low) this.tell(step.low, step.high);
  }

  tell(low, high) { this.dispatchEvent(new CustomEvent("change", { detail: { low, high } })); }
}

/** The voxels that one change has changed, each once, with their previous labels. */
class Step {
  constructor(name) {
    this.name = name;
    this.count = 0;
    this.indices = new Uint32Array(1024);
    this.labels = new Uint8Array(1024);
    this.low = this.high = null;
  }

  get bytes() { return this.indices.byteLength + this.labels.byteLength; }

  add(index, label) {
    if (this.count === this.indices.length) this.resize(2 * this.count);
    this.indices[this.count] = index;
    this.labels[this.count++] = label;
  }

  resize(length) {
    const [indices, labels] = [new Uint32Array(length), new Uint8Array(length)];
    const count = Math.min(length, this.count);
    indices.set(this.indices.subarray(0, count));
    labels.set(this.labels.subarray(0, count));
    Object.assign(this, { indices, labels });
  }

  pack() { this.resize(this.count); }

  widen(low, high) {
    this.low = this.low ? this.low.map((index, axis) => Math.min(index, low[axis])) : [...low];
    this.high = this.high ? this.high.map((index, axis) => Math.max(index, high[axis])) : [...high];
  }
}
