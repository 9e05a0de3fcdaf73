internal import SegCore

/// Crops to the bounding box of the voxels that are not 0 in at least one channel; nnU-Net's `crop_to_nonzero`.
public struct NNUNetCrop: Hashable, Sendable {
    /// Creates a crop without a margin.
    public init() {}

    /// The bounding box; the whole image if every voxel is 0.
    public func box(of image: ScanImage) -> Box3 {
        let size = image.size
        var box: Box3?
        for voxels in image.channels {
            guard let own = Self.box(of: voxels, size: size) else { continue }
            box = box.map { $0.union(own) } ?? own
        }
        return box ?? Box3(of: size)
    }

    /// The bounding box of a channel's voxels that are not 0; nil if there are none.
    private static func box(of voxels: [Float], size: Triple) -> Box3? {
        var (first, last) = ([size.d, size.h, size.w], [-1, -1, -1])
        voxels.withUnsafeBufferPointer { voxels in
            for i in 0..<size.d {
                for j in 0..<size.h {
                    let row = UnsafeBufferPointer(rebasing: voxels[((i * size.h + j) * size.w)...].prefix(size.w))
                    guard let left = row.firstIndex(where: { $0 != 0 }), let right = row.lastIndex(where: { $0 != 0 })
                    else { continue }
                    for (axis, range) in [(i, i), (j, j), (left, right)].enumerated() {
                        first[axis] = min(first[axis], range.0)
                        last[axis] = max(last[axis], range.1)
                    }
                }
            }
        }
        guard last[0] >= 0 else { return nil }
        return Box3(start: first, size: Triple((0..<3).map { last[$0] - first[$0] + 1 }))
    }
}
