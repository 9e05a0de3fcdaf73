/// An image and its label over the same box of a scan.
public struct Patch: Hashable, Sendable {
    /// Intensities, axis 2 fastest.
    public var image: [Float]
    /// Classes, as many.
    public var label: [UInt8]
    /// Extents of both.
    public var size: Size3

    /// Makes a patch; both arrays must have `size.count` voxels.
    public init(image: [Float], label: [UInt8], size: Size3) {
        precondition(
            image.count == size.count && label.count == size.count, "image and label need \(size.count) voxels")
        self.image = image
        self.label = label
        self.size = size
    }
}

extension Patch {
    /// The patch mirrored along an axis; `torch.flip`.
    public func flipped(axis: Int) -> Patch {
        remapped(to: size) { index in
            var source = index
            source[axis] = size[axis] - 1 - index[axis]
            return source
        }
    }

    /// The patch turned by quarter turns in the plane of axes 0 and 1; `torch.rot90(k, (0, 1))`.
    public func rotated90(_ turns: Int) -> Patch {
        let (i, j) = (size.i, size.j)
        switch ((turns % 4) + 4) % 4 {
        case 1: return remapped(to: Size3(j, i, size.k)) { Size3($0.j, j - 1 - $0.i, $0.k) }
        case 2: return remapped(to: size) { Size3(i - 1 - $0.i, j - 1 - $0.j, $0.k) }
        case 3: return remapped(to: Size3(j, i, size.k)) { Size3(i - 1 - $0.j, $0.i, $0.k) }
        default: return self
        }
    }

    private func remapped(to target: Size3, source: (Size3) -> Size3) -> Patch {
        Patch(
            image: Self.remapped(image, of: size, to: target, source),
            label: Self.remapped(label, of: size, to: target, source), size: target)
    }

    /// Voxels whose index comes from `source(index)`; whole rows differ only by a stride.
    private static func remapped<Voxel>(
        _ voxels: [Voxel], of size: Size3, to target: Size3, _ source: (Size3) -> Size3
    ) -> [Voxel] {
        func offset(_ index: Size3) -> Int { (index.i * size.j + index.j) * size.k + index.k }
        return [Voxel](unsafeUninitializedCapacity: target.count) { output, count in
            voxels.withUnsafeBufferPointer { input in
                for i in 0..<target.i {
                    for j in 0..<target.j {
                        let from = offset(source(Size3(i, j, 0)))
                        let step = target.k > 1 ? offset(source(Size3(i, j, 1))) - from : 0
                        let to = (i * target.j + j) * target.k
                        for k in 0..<target.k { output[to + k] = input[from + k * step] }
                    }
                }
            }
            count = target.count
        }
    }

    /// Changes the intensities in place, a block of memory at once.
    @inline(__always)
    mutating func withIntensities<Result>(_ body: (UnsafeMutableBufferPointer<Float>) -> Result) -> Result {
        image.withUnsafeMutableBufferPointer { body($0) }
    }
}
