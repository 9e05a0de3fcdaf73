internal import SegCore

/// A permutation of a scan's axes: the old axis of each new axis, and whether the new axis is flipped.
public struct AxisPermutation: Hashable, Sendable {
    /// The old axis of each new axis.
    public var source: [Int]
    /// Whether each new axis is flipped.
    public var flipped: [Bool]

    /// The permutation that changes nothing.
    public static let identity = AxisPermutation(source: [0, 1, 2], flipped: [false, false, false])

    /// The size after permuting.
    func size(of old: Triple) -> Triple { Triple(old[source[0]], old[source[1]], old[source[2]]) }

    /// The affine from new voxel index to old voxel index.
    func indexMap(from old: Triple) -> Affine {
        var map = Affine(elements: [Double](repeating: 0, count: 15) + [1])
        for axis in 0..<3 {
            map[source[axis], axis] = flipped[axis] ? -1 : 1
            map[source[axis], 3] = flipped[axis] ? Double(old[source[axis]] - 1) : 0
        }
        return map
    }

    /// The permutation that applies this permutation first, then another.
    func followed(by next: AxisPermutation) -> AxisPermutation {
        AxisPermutation(
            source: next.source.map { source[$0] },
            flipped: (0..<3).map { next.flipped[$0] != flipped[next.source[$0]] })
    }

    /// The inverse permutation.
    var inverse: AxisPermutation {
        var result = AxisPermutation.identity
        for axis in 0..<3 {
            result.source[source[axis]] = axis
            result.flipped[source[axis]] = flipped[axis]
        }
        return result
    }

    /// The affine after permuting a grid; it keeps the position of every voxel in the patient.
    func affine(of old: Triple, at affine: Affine) -> Affine { affine * indexMap(from: old) }

    /// The permuted volume; its affine keeps the position of every voxel in the patient.
    func apply(_ volume: Volume) -> Volume {
        guard self != .identity else { return volume }
        let (old, new) = (volume.size, size(of: volume.size))
        let strides = [old.h * old.w, old.w, 1]
        let steps = (0..<3).map { flipped[$0] ? -strides[source[$0]] : strides[source[$0]] }
        let origin = (0..<3).reduce(0) { $0 + (flipped[$1] ? (new[$1] - 1) * strides[source[$1]] : 0) }
        let voxels = [Float](unsafeUninitializedCapacity: new.count) { output, count in
            nonisolated(unsafe) let output = output
            volume.voxels.withUnsafeBufferPointer { input in
                nonisolated(unsafe) let input = input
                concurrently(new.d) { rows in
                    for i in rows {
                        for j in 0..<new.h {
                            let from = origin + i * steps[0] + j * steps[1]
                            let to = (i * new.h + j) * new.w
                            for k in 0..<new.w { output[to + k] = input[from + k * steps[2]] }
                        }
                    }
                }
            }
            count = new.count
        }
        return Volume(voxels: voxels, size: new, affine: affine(of: old, at: volume.affine))
    }
}
