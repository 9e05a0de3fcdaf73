// A scan's voxels along the patient's axes, in whatever order they are stored.

const AXES = { R: [0, 1], L: [0, -1], A: [1, 1], P: [1, -1], S: [2, 1], I: [2, -1] };

/** The memory layout of voxels by patient indices (x to the right, y to the front, z to the head). */
export class Grid {
  constructor(facts) {
    const strides = [facts.size[1] * facts.size[2], facts.size[2], 1];
    this.size = [0, 0, 0];
    this.spacing = [0, 0, 0];
    this.stride = [0, 0, 0];
    this.base = 0;
    [...facts.orientation].forEach((code, axis) => {
      const [world, sign] = AXES[code];
      this.size[world] = facts.size[axis];
      this.spacing[world] = facts.spacing[axis];
      this.stride[world] = sign * strides[axis];
      if (sign < 0) this.base += (facts.size[axis] - 1) * strides[axis];
    });
    this.affine = facts.affine;
    this.storedStrides = strides;
    this.count = facts.size.reduce((product, extent) => product * extent);
  }

  /** The offset of the voxel at patient indices. */
  offset([x, y, z]) { return this.base + x * this.stride[0] + y * this.stride[1] + z * this.stride[2]; }

  /** The volume of a voxel in mm³, also of sheared voxels. */
  get voxelVolume() {
    const [a, b, c] = this.affine;
    return Math.abs(a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) + a[2] * (b[0] * c[1] - b[1] * c[0]));
  }

  /**
   * Calls `body` for every line of voxels in memory inside a box of patient indices (by default the whole scan), with
   * the offset of its first voxel, its length, the stride, the patient indices of the first voxel and the line's axis.
   */
  forEachLine(body, low = [0, 0, 0], high = this.size.map((extent) => extent - 1)) {
    const [outer, middle, inner] = [0, 1, 2].sort((a, b) => Math.abs(this.stride[b]) - Math.abs(this.stride[a]));
    const start = [...low];
    for (start[outer] = low[outer]; start[outer] <= high[outer]; start[outer]++) {
      for (start[middle] = low[middle]; start[middle] <= high[middle]; start[middle]++) {
        body(this.offset(start), high[inner] - low[inner] + 1, this.stride[inner], start, inner);
      }
    }
  }

  /** The voxel's centre in millimetres, RAS. */
  millimetres(point) {
    let rest = this.offset(point);
    const stored = this.storedStrides.map((stride) => {
      const index = Math.floor(rest / stride);
      rest -= index * stride;
      return index;
    });
    return [0, 1, 2].map((row) => this.affine[row][3] + stored.reduce((sum, v, axis) => sum + this.affine[row][axis] * v, 0));
  }
}

// For each plane: the axis perpendicular to it, the axes of its columns and rows, and the letters at the left, right, top and
// bottom. Columns and rows run against the patient's axes: the patient's right or front is on the left, and the head or front
// is on top.
export const PLANES = {
  axial: { through: 2, columns: 0, rows: 1, letters: ["R", "L", "A", "P"] },
  coronal: { through: 1, columns: 0, rows: 2, letters: ["R", "L", "S", "I"] },
  sagittal: { through: 0, columns: 1, rows: 2, letters: ["A", "P", "S", "I"] },
};
