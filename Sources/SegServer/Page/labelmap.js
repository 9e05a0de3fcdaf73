// A mask that can be corrected: voxels, what they measure, and every change with its way back.

/** Bytes of changes that are remembered; the oldest go first. */
const MEMORY = 256 << 20;

export class LabelMap extends EventTarget {
  /** Takes voxels (one byte each) over; `intensities` are the scan's, in the same order. */
  constructor(voxels, intensities, grid) {
    super();
    this.voxels = voxels;
    this.intensities = intensities;
    this.grid = grid;
    this.counts = new Float64Array(256);
    this.sums = new Float64Array(256);
    // For each label the smallest and largest index along x, y and z; never smaller than the label, perhaps larger.
    this.boxes = new Map();
    this.done = [];
    this.undone = [];
    this.step = null;
    // Whether changes are no longer remembered.
    this.hasForgotten = false;
    // The last change that has been saved; null for the mask as it came.
    this.saved = null;
    this.measure();
  }

  // The one look at all voxels.
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
        // The rest of a run of one label needs no new point but its last.
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

  /** Voxels, mL and mean intensity of a label. */
  measured(label) {
    const voxels = this.counts[label];
    return { voxels, ml: voxels * this.grid.voxelVolume / 1000, mean: voxels > 0 ? this.sums[label] / voxels : null };
  }

  /** Labels that have voxels, in order. */
  get labels() { return [...this.counts.keys()].filter((label) => label > 0 && this.counts[label] > 0); }

  /** Whether there are changes that have not been saved. */
  get isChanged() { return this.step !== null || this.last !== this.saved; }

  /** Whether the voxels may be others than those that came. */
  get isCorrected() { return this.hasForgotten || this.step !== null || this.done.length > 0; }

  /** The last change. */
  get last() { return this.done.at(-1) ?? null; }

  /** Notes that the voxels have been saved as they were after a change. */
  markSaved(step) {
    this.saved = step;
    this.dispatchEvent(new Event("history"));
  }

  // MARK: Changes

  /** Starts a change that is undone as one; false while another is being made. */
  begin(name) {
    if (this.step) return false;
    this.step = new Step(name);
    return true;
  }

  /** Gives a voxel a label. */
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

  /** Says that voxels of a box may have been given a label. */
  touched(label, low, high) {
    if (label > 0) this.widen(label, low, high);
    this.step.widen(low, high);
    this.tell(low, high);
  }

  /** Ends a change; one that changed nothing is forgotten. */
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
      // Nothing leads back any more to what was saved before it.
      if (this.saved === null || !this.done.includes(this.saved)) this.saved = lost;
    }
    this.dispatchEvent(new Event("history"));
    return true;
  }

  /** Takes back what the change that was begun has done so far. */
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

  // A step holds what the voxels were; afterwards it holds what they have been.
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

/** The voxels that one change has changed, each once, with the labels they had. */
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
