internal import SegBackend
internal import SegCore
internal import SegImaging

/// The padding of an image that is smaller than a window; MONAI's `padding_mode` and `cval` of a sliding window.
public enum WindowPadding: Hashable, Sendable {
    /// One number; the default is 0.
    case constant(Float)
    /// The nearest voxel of the image.
    case replicate
}

extension WindowPadding {
    /// Pads an image to a size on both sides. The padding before the image is half of the difference, rounded down.
    ///
    /// - Parameters:
    ///   - voxels: `[D, H, W, channels]` of `size`.
    ///   - target: The padded size, at least `size`.
    func pad(_ voxels: [Float], size: Triple, channels: Int, to target: Triple) -> [Float] {
        let starts = Self.starts(of: size, in: target)
        var padded = [Float](repeating: 0, count: target.count * channels)
        for i in 0..<target.d {
            for j in 0..<target.h {
                for k in 0..<target.w {
                    let place = ((i * target.h + j) * target.w + k) * channels
                    let (a, b, c) = (i - starts[0], j - starts[1], k - starts[2])
                    let isInside = a >= 0 && a < size.d && b >= 0 && b < size.h && c >= 0 && c < size.w
                    if case .constant(let value) = self, !isInside {
                        for channel in 0..<channels { padded[place + channel] = value }
                    } else {
                        let near = (Self.clamp(a, size.d), Self.clamp(b, size.h), Self.clamp(c, size.w))
                        let source = ((near.0 * size.h + near.1) * size.w + near.2) * channels
                        for channel in 0..<channels { padded[place + channel] = voxels[source + channel] }
                    }
                }
            }
        }
        return padded
    }

    /// Removes the padding from planes of a padded image.
    /// - Parameters:
    ///   - values: The planes, `[planes, H, W, channels]`.
    ///   - planes: The indices of the planes in the padded image of size `target`.
    static func crop(
        _ values: [Float], planes: Range<Int>, of target: Triple, channels: Int, to size: Triple
    ) -> [Float] {
        guard target != size else { return values }
        let starts = starts(of: size, in: target)
        var cropped: [Float] = []
        cropped.reserveCapacity(values.count)
        for i in planes.clamped(to: starts[0]..<starts[0] + size.d) {
            for j in 0..<size.h {
                let row = ((i - planes.lowerBound) * target.h + j + starts[1]) * target.w + starts[2]
                cropped += values[row * channels..<(row + size.w) * channels]
            }
        }
        return cropped
    }

    private static func starts(of size: Triple, in target: Triple) -> [Int] {
        (0..<3).map { (target[$0] - size[$0]) / 2 }
    }

    private static func clamp(_ index: Int, _ extent: Int) -> Int { min(max(index, 0), extent - 1) }
}
