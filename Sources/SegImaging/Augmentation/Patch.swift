/// An image and its label over the same box of a scan.
public struct Patch: Hashable, Sendable {
    /// Intensities, axis 2 fastest.
    public var image: [Float]
    /// Labels, as many.
    public var label: [Float]
    /// Extents of both.
    public var size: Size3

    /// Makes a patch; both arrays must have `size.count` voxels.
    public init(image: [Float], label: [Float], size: Size3) {
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

    /// The patch whose voxel at an index is this one's at `source(index)`; whole rows differ only by a stride.
    private func remapped(to target: Size3, source: (Size3) -> Size3) -> Patch {
        func offset(_ index: Size3) -> Int { (index.i * size.j + index.j) * size.k + index.k }
        var result = Patch(
            image: [Float](repeating: 0, count: target.count), label: [Float](repeating: 0, count: target.count),
            size: target)
        for i in 0..<target.i {
            for j in 0..<target.j {
                let from = offset(source(Size3(i, j, 0)))
                let step = target.k > 1 ? offset(source(Size3(i, j, 1))) - from : 0
                let to = (i * target.j + j) * target.k
                for k in 0..<target.k {
                    result.image[to + k] = image[from + k * step]
                    result.label[to + k] = label[from + k * step]
                }
            }
        }
        return result
    }
}
