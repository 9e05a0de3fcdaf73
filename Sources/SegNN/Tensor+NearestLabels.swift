internal import SegBackend
public import SegTensor

extension Tensor {
    /// Returns labels at the nearest voxels of another grid over the same box: `interpolate(mode="nearest-exact")`.
    ///
    /// **Shapes**: labels i32 `[N, D, H, W]`, output `[N, D', H', W', C]`, result i32 `[N, D', H', W']`.
    /// - Throws: `TensorError` if the ranks or the batch sizes do not fit; `BackendError` from the backend.
    public func nearest(like output: Tensor) throws -> Tensor {
        let (old, new) = (shape.dimensions, Array(output.shape.dimensions.dropLast()))
        guard old != new else { return self }
        guard old.count == 4, new.count == 4, old[0] == new[0] else {
            throw TensorError(op: "nearest", "labels \(shape) do not match the volumes of output \(output.shape)")
        }
        // For each axis, the old voxel that contains the centre of each new voxel.
        let places = (1..<4).map { axis in
            (0..<new[axis]).map { (2 * $0 + 1) * old[axis] / (2 * new[axis]) }
        }
        let labels = try integers()
        var picked: [Int32] = []
        picked.reserveCapacity(new.reduce(1, *))
        for sample in 0..<new[0] {
            for d in places[0] {
                for h in places[1] {
                    let row = ((sample * old[1] + d) * old[2] + h) * old[3]
                    for w in places[2] { picked.append(labels[row + w]) }
                }
            }
        }
        return try Tensor(labels: picked, shape: Shape(new), on: backend)
    }
}
