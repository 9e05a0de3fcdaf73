/// Pads with a constant up to a size, half before and the rest after; MONAI's `SpatialPad(method="symmetric")`.
public struct SpatialPad: Hashable, Sendable {
    /// Extents to reach; larger volumes stay as they are.
    public let size: Size3
    /// Value of the added voxels.
    public let value: Float

    /// Takes the extents to reach and the value to fill with.
    public init(size: Size3, value: Float) {
        self.size = size
        self.value = value
    }

    /// The padded volume; the record learns the padding.
    public func callAsFunction(_ volume: Volume, record: inout SpatialRecord) -> Volume {
        let box = box(of: volume.size)
        record.cut(box)
        return volume.cut(box, fill: value)
    }

    /// The padded volume.
    public func callAsFunction(_ volume: Volume) -> Volume { volume.cut(box(of: volume.size), fill: value) }

    private func box(of current: Size3) -> Box3 {
        var box = Box3(of: current)
        for axis in 0..<3 {
            let width = max(size[axis] - current[axis], 0)
            box.start[axis] = -(width / 2)
            box.size[axis] += width
        }
        return box
    }
}
