public import SegCore

/// A box of voxel indices, start included, end excluded; it may reach outside a volume.
public struct Box3: Hashable, Sendable {
    /// The first index along each of the three axes.
    public var start: [Int]
    /// The size in voxels.
    public var size: Triple

    /// Creates a box from its first index and its size.
    public init(start: [Int], size: Triple) {
        precondition(start.count == 3, "a box starts at three indices")
        self.start = start
        self.size = size
    }

    /// The box of a whole volume.
    public init(of size: Triple) { self.init(start: [0, 0, 0], size: size) }

    /// The first index past the box along an axis.
    public func end(_ axis: Int) -> Int { start[axis] + size[axis] }

    /// Whether an index along an axis is inside.
    func contains(_ index: Int, along axis: Int) -> Bool { index >= start[axis] && index < end(axis) }

    /// The intersection of two boxes; disjoint boxes give size 0.
    public func intersection(_ other: Box3) -> Box3 {
        var common = self
        for axis in 0..<3 {
            common.start[axis] = max(start[axis], other.start[axis])
            common.size[axis] = max(0, min(end(axis), other.end(axis)) - common.start[axis])
        }
        return common
    }
}

extension Box3 {
    /// The smallest box that contains both boxes.
    func union(_ other: Box3) -> Box3 {
        var whole = self
        for axis in 0..<3 {
            whole.start[axis] = min(start[axis], other.start[axis])
            whole.size[axis] = max(end(axis), other.end(axis)) - whole.start[axis]
        }
        return whole
    }
}

extension Volume {
    /// Cuts a box out of the volume; voxels outside the volume are set to `fill`.
    ///
    /// The affine is shifted to the box.
    public func cut(_ box: Box3, fill: Float) -> Volume {
        var voxels = [Float](repeating: fill, count: box.size.count)
        let inside = box.intersection(Box3(of: size))
        if inside.size.count > 0 {
            let (first, length) = (inside.start[2], inside.size.w)
            for i in inside.start[0]..<inside.end(0) {
                for j in inside.start[1]..<inside.end(1) {
                    let source = (i * size.h + j) * size.w + first
                    let row = (i - box.start[0]) * box.size.h + j - box.start[1]
                    let target = row * box.size.w + first - box.start[2]
                    for offset in 0..<length { voxels[target + offset] = self.voxels[source + offset] }
                }
            }
        }
        return Volume(voxels: voxels, size: box.size, affine: affine.shifted(by: box.start))
    }
}

extension Affine {
    /// The affine of a grid whose voxel 0 is this grid's voxel `start`.
    func shifted(by start: [Int]) -> Affine {
        var result = self
        let origin = self(Double(start[0]), Double(start[1]), Double(start[2]))
        (result[0, 3], result[1, 3], result[2, 3]) = (origin.x, origin.y, origin.z)
        return result
    }
}
