public import SegCore

/// An image and its label over the same box of a scan.
public struct Patch: Hashable, Sendable {
    /// Intensities, `[D, H, W, C]`: the channels of a voxel are adjacent, as in a network's input.
    public var image: [Float]
    /// Classes, `[D, H, W]`.
    public var label: [UInt8]
    /// The size of image and label in voxels.
    public var size: Triple
    /// The number of channels of the image.
    public let channels: Int

    /// Creates a patch; the image must have `channels` values for each of `size.count` voxels, and the label one value.
    public init(image: [Float], label: [UInt8], size: Triple, channels: Int = 1) {
        precondition(
            image.count == channels * size.count && label.count == size.count,
            "image and label need \(size.count) voxels, the image of \(channels) channels")
        self.image = image
        self.label = label
        self.size = size
        self.channels = channels
    }
}

extension Patch {
    /// The patch flipped along an axis; `torch.flip`.
    public func flipped(axis: Int) -> Patch {
        remapped(to: size) { index in
            var source = index
            source[axis] = size[axis] - 1 - index[axis]
            return source
        }
    }

    /// The patch rotated by quarter turns in the plane of axes 0 and 1; `torch.rot90(k, (0, 1))`.
    public func rotated90(_ turns: Int) -> Patch {
        let (d, h) = (size.d, size.h)
        switch ((turns % 4) + 4) % 4 {
        case 1: return remapped(to: Triple(h, d, size.w)) { Triple($0.h, h - 1 - $0.d, $0.w) }
        case 2: return remapped(to: size) { Triple(d - 1 - $0.d, h - 1 - $0.h, $0.w) }
        case 3: return remapped(to: Triple(h, d, size.w)) { Triple(d - 1 - $0.h, $0.d, $0.w) }
        default: return self
        }
    }

    private func remapped(to target: Triple, source: (Triple) -> Triple) -> Patch {
        Patch(
            image: Self.remapped(image, width: channels, of: size, to: target, source),
            label: Self.remapped(label, width: 1, of: size, to: target, source), size: target, channels: channels)
    }

    /// Voxels of `width` values, each read from index `source(index)`; along a row the source index advances by a
    /// constant stride.
    private static func remapped<Value>(
        _ values: [Value], width: Int, of size: Triple, to target: Triple, _ source: (Triple) -> Triple
    ) -> [Value] {
        func offset(_ index: Triple) -> Int { (index.d * size.h + index.h) * size.w + index.w }
        return [Value](unsafeUninitializedCapacity: width * target.count) { output, count in
            values.withUnsafeBufferPointer { input in
                for d in 0..<target.d {
                    for h in 0..<target.h {
                        let from = offset(source(Triple(d, h, 0)))
                        let step = target.w > 1 ? offset(source(Triple(d, h, 1))) - from : 0
                        let to = (d * target.h + h) * target.w
                        for w in 0..<target.w {
                            for value in 0..<width {
                                output[(to + w) * width + value] = input[(from + w * step) * width + value]
                            }
                        }
                    }
                }
            }
            count = width * target.count
        }
    }

    /// Changes the intensities of all channels in place, as one buffer.
    @inline(__always)
    mutating func withIntensities<Result>(_ body: (UnsafeMutableBufferPointer<Float>) -> Result) -> Result {
        image.withUnsafeMutableBufferPointer { body($0) }
    }

    /// Changes each channel separately, as `[D, H, W]`.
    mutating func forEachChannel(_ body: (_ channel: Int, inout [Float]) -> Void) {
        guard channels > 1 else { return body(0, &image) }
        var voxels = [Float](repeating: 0, count: size.count)
        for channel in 0..<channels {
            for index in voxels.indices { voxels[index] = image[index * channels + channel] }
            body(channel, &voxels)
            for index in voxels.indices { image[index * channels + channel] = voxels[index] }
        }
    }
}
