// The operations of tools on a mask. Points are patient indices, lengths are in millimetres.

/**
 * Paints all voxels within a radius of the line between two points, which may be between voxels.
 *
 * `axis` is the axis perpendicular to the plane to which the stroke is limited; null for all three dimensions. `from`
 * limits the painted voxels to one label, and `range` to intensities.
 */
export function paint(map, { start, end, radius, axis, label, from = null, range = null }) {
  const { grid, voxels, intensities } = map;
  const { size, spacing, stride } = grid;
  const low = [0, 0, 0];
  const high = [0, 0, 0];
  for (let d = 0; d < 3; d++) {
    const reach = radius / spacing[d];
    const flat = d === axis;
    low[d] = Math.max(0, flat ? Math.round(end[d]) : Math.ceil(Math.min(start[d], end[d]) - reach));
    high[d] = Math.min(size[d] - 1, flat ? Math.round(end[d]) : Math.floor(Math.max(start[d], end[d]) + reach));
    if (low[d] > high[d]) return;
  }
  // The line in millimetres.
  const line = [0, 1, 2].map((d) => (d === axis ? 0 : (end[d] - start[d]) * spacing[d]));
  const length = line[0] ** 2 + line[1] ** 2 + line[2] ** 2;
  const most = radius * radius;
  const [a, b] = range ?? [-Infinity, Infinity];
  for (let x = low[0]; x <= high[0]; x++) {
    const px = axis === 0 ? 0 : (x - start[0]) * spacing[0];
    for (let y = low[1]; y <= high[1]; y++) {
      const py = axis === 1 ? 0 : (y - start[1]) * spacing[1];
      let index = grid.offset([x, y, low[2]]);
      for (let z = low[2]; z <= high[2]; z++, index += stride[2]) {
        const pz = axis === 2 ? 0 : (z - start[2]) * spacing[2];
        const t = length === 0 ? 0 : Math.min(1, Math.max(0, (px * line[0] + py * line[1] + pz * line[2]) / length));
        if ((px - t * line[0]) ** 2 + (py - t * line[1]) ** 2 + (pz - t * line[2]) ** 2 > most) continue;
        if (from !== null && voxels[index] !== from) continue;
        const intensity = intensities[index];
        if (intensity >= a && intensity <= b) map.put(index, label);
      }
    }
  }
  map.touched(label, low, high);
}

/**
 * Fills the connected area around a point that has the point's label (and intensities of a range).
 *
 * Returns false if the area is open: it is background, reaches the edge of the slice or scan, and no range bounds it. The
 * caller then has to cancel the change.
 */
export function fill(map, { point, axis, label, range = null }) {
  const { grid, voxels, intensities } = map;
  const { size, stride } = grid;
  const [a, b] = range ?? [-Infinity, Infinity];
  const first = grid.offset(point);
  const from = voxels[first];
  const isInside = (index) => voxels[index] === from && intensities[index] >= a && intensities[index] <= b;
  if (from === label || !isInside(first)) return true;
  const axes = [0, 1, 2].filter((d) => d !== axis);
  const [low, high] = [[...point], [...point]];
  const stack = [first, point[0], point[1], point[2]];
  let isOpen = false;
  map.put(first, label);
  while (stack.length > 0) {
    const z = stack.pop(), y = stack.pop(), x = stack.pop(), index = stack.pop();
    const at = [x, y, z];
    for (const d of axes) {
      if (at[d] < low[d]) low[d] = at[d];
      if (at[d] > high[d]) high[d] = at[d];
      for (const step of [-1, 1]) {
        const next = at[d] + step;
        if (next < 0 || next >= size[d]) {
          isOpen = true;
          continue;
        }
        const neighbour = index + step * stride[d];
        if (!isInside(neighbour)) continue;
        map.put(neighbour, label);
        stack.push(neighbour, d === 0 ? next : x, d === 1 ? next : y, d === 2 ? next : z);
      }
    }
    if (isOpen && range === null && from === 0) break;
  }
  map.touched(label, low, high);
  return !(isOpen && range === null && from === 0);
}

// Calls `body` with every voxel of a label: its offset and patient indices.
function forEachVoxel(map, label, body) {
  const box = map.boxes.get(label);
  if (!box) return;
  map.grid.forEachLine((index, length, stride, start, axis) => {
    for (let n = 0; n < length; n++, index += stride) if (map.voxels[index] === label) body(index, start, axis, n + start[axis]);
  }, box.low, box.high);
}

/** Grows a label by one voxel in the six directions, into background (of a range of intensities). */
export function grow(map, label, range = null) {
  const { grid, voxels, intensities } = map;
  const [a, b] = range ?? [-Infinity, Infinity];
  const found = [];
  forEachVoxel(map, label, (index, start, axis, at) => {
    for (let d = 0; d < 3; d++) {
      const here = d === axis ? at : start[d];
      for (const step of [-1, 1]) {
        if (here + step < 0 || here + step >= grid.size[d]) continue;
        const next = index + step * grid.stride[d];
        if (voxels[next] === 0 && intensities[next] >= a && intensities[next] <= b) found.push(next);
      }
    }
  });
  finish(map, label, found, label, 1);
}

/** Removes the outermost voxels of a label. */
export function shrink(map, label) {
  const { grid, voxels } = map;
  const found = [];
  forEachVoxel(map, label, (index, start, axis, at) => {
    for (let d = 0; d < 3; d++) {
      const here = d === axis ? at : start[d];
      for (const step of [-1, 1]) {
        const isInside = here + step >= 0 && here + step < grid.size[d];
        if (isInside && voxels[index + step * grid.stride[d]] !== label) {
          found.push(index);
          return;
        }
      }
    }
  });
  finish(map, label, found, 0, 0);
}

function finish(map, label, found, value, margin) {
  const box = map.boxes.get(label);
  if (!box || found.length === 0) return;
  for (const index of found) map.put(index, value);
  map.touched(
    value, box.low.map((index) => Math.max(0, index - margin)),
    box.high.map((index, axis) => Math.min(map.grid.size[axis] - 1, index + margin)));
}
