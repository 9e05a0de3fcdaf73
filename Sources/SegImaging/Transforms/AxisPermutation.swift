internal import SegCore

/// How the axes of a reoriented volume come from a scan's: which axis, and whether it runs the other way.
public struct AxisPermutation: Hashable, Sendable {
    /// For each new axis the old one.
    public var source: [Int]
    /// For each new axis whether it runs against the old one.
    public var flipped: [Bool]

    /// Leaves everything as it is.
    public static let identity = AxisPermutation(source: [0, 1, 2], flipped: [false, false, false])

    /// The extents after permuting.
    func size(of old: Triple) -> Triple { Triple(old[source[0]], old[source[1]], old[source[2]]) }

    /// New voxel index → old voxel index.
    func indexMap(from old: Triple) -> Affine {
        var map = Affine(elements: [Double](repeating: 0, count: 15) + [1])
        for axis in 0..<3 {
            map[source[axis], axis] = flipped[axis] ? -1 : 1
            map[source[axis], 3] = flipped[axis] ? Double(old[source[axis]] - 1) : 0
        }
        return map
    }

    /// This permutation, then another, as one.
    func followed(by next: AxisPermutation) -> AxisPermutation {
        AxisPermutation(
            source: next.source.map { source[$0] },
            flipped: (0..<3).map { next.flipped[$0] != flipped[next.source[$0]] })
    }

    /// The permutation that undoes this one.
    var inverse: AxisPermutation {
        var result = AxisPermutation.identity
        for axis in 0..<3 {
            result.source[source[axis]] = axis
            result.flipped[source[axis]] = flipped[axis]
        }
        return result
    }

    /// The affine after permuting a grid, so that every voxel keeps its place in the patient.
    func affine(of old: Triple, at affine: Affine) -> Affine { affine * indexMap(from: old) }

    /// The permuted volume; the affine follows, so that every voxel keeps its place in the patient.
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
