public import SegCore

/// Pads with a constant up to a size; MONAI's `SpatialPad(spatial_size=, method=, mode="constant", value=)`.
public struct SpatialPad: Hashable, Sendable {
    /// On which side the voxels go.
    public enum Method: String, Hashable, Sendable {
        /// Half before, rounded down, and the rest after.
        case symmetric
        /// All after.
        case end
    }

    /// Extents to reach; larger volumes stay as they are, and so does an axis whose extent here is -1.
    public let size: Triple
    /// Value of the added voxels.
    public let value: Float
    /// On which side the voxels go.
    public let method: Method

    /// Takes the extents to reach, the value to fill with, and the side.
    public init(size: Triple, value: Float, method: Method = .symmetric) {
        self.size = size
        self.value = value
        self.method = method
    }

    /// The padded volume.
    public func callAsFunction(_ volume: Volume) -> Volume { volume.cut(box(of: volume.size), fill: value) }

    /// The padded grid as a box of the old one.
    func box(of current: Triple) -> Box3 { Self.box(of: current, grownTo: size, method) }

    /// A grid grown to extents, where they are larger, as a box of the old one.
    static func box(of current: Triple, grownTo size: Triple, _ method: Method) -> Box3 {
        var box = Box3(of: current)
        for axis in 0..<3 {
            let width = max(size[axis] - current[axis], 0)
            box.start[axis] = method == .symmetric ? -(width / 2) : 0
            box.size[axis] += width
        }
        return box
    }
}

/// Pads with a constant to the next multiple of a number; MONAI's `DivisiblePad(k=, method=, mode="constant", value=)`.
public struct DivisiblePad: Hashable, Sendable {
    /// What each extent becomes a multiple of; 0 or less leaves an axis.
    public let divisors: Triple
    /// Value of the added voxels.
    public let value: Float
    /// On which side the voxels go.
    public let method: SpatialPad.Method

    /// Takes the divisors, the value to fill with, and the side.
    public init(divisors: Triple, value: Float, method: SpatialPad.Method = .symmetric) {
        self.divisors = divisors
        self.value = value
        self.method = method
    }

    /// The padded grid as a box of the old one.
    func box(of current: Triple) -> Box3 {
        var size = current
        for axis in 0..<3 where divisors[axis] > 0 {
            size[axis] = (current[axis] + divisors[axis] - 1) / divisors[axis] * divisors[axis]
        }
        return SpatialPad.box(of: current, grownTo: size, method)
    }
}
