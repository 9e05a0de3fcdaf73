public import SegCore

extension StoredScan {
    /// The image as a volume; trailing dimensions of 1 are dropped and `path` is named in errors.
    ///
    /// The voxel (i, j, k) of the volume is the file's voxel (i, j, k), scaled.
    ///
    /// - Throws: `DataError` where the image is not 3-D.
    public func volume(path: String) throws(DataError) -> Volume {
        let size = try size3D(path: path)
        let voxels = StageClock.time("unpack") { withStored(ToVolumeOrder(size: size, scaling: scaling)) }
        return Volume(voxels: voxels, size: size, affine: affine)
    }

    /// The extents of a 3-D image; `path` is named in errors.
    ///
    /// - Throws: `DataError` where it has fewer or more dimensions.
    func size3D(path: String) throws(DataError) -> Size3 {
        var extents = shape
        while extents.count > 3, extents.last == 1 { extents.removeLast() }
        guard extents.count == 3 else {
            let advice = shape.count > 3 ? "Split it and give one 3-D volume." : "Give a whole scan, not a slice."
            throw DataError(
                .badData, path,
                "has \(shape.count) dimensions (\(layout.extents)); a 3-D volume was expected. \(advice)")
        }
        guard extents.allSatisfy({ $0 <= Limits.scanAxis }) else {
            throw DataError(
                .badData, path,
                "is \(layout.extents) voxels; at most \(Limits.scanAxis) along an axis were expected. Cut the scan.")
        }
        return Size3(extents[0], extents[1], extents[2])
    }
}

/// Turns the file's order (axis 0 fastest) into a volume's (axis 2 fastest), scaling on the way.
private struct ToVolumeOrder: StoredVisitor, Sendable {
    var size: Size3
    var scaling: (slope: Double, inter: Double)?

    func visit<Stored: StoredScalar>(_ voxels: UnsafeBufferPointer<Stored>) -> [Float] {
        [Float](unsafeUninitializedCapacity: size.count) { output, count in
            nonisolated(unsafe) let (output, voxels) = (output, voxels)
            // Tiles over i and k keep both sides within cache lines that are used whole.
            let tile = 32
            concurrently((size.i + tile - 1) / tile) { tiles in
                for firstI in tiles.map({ $0 * tile }) {
                    for firstK in stride(from: 0, to: size.k, by: tile) {
                        for j in 0..<size.j {
                            fill(
                                output, from: voxels, j: j, firstI..<min(firstI + tile, size.i),
                                firstK..<min(firstK + tile, size.k))
                        }
                    }
                }
            }
            count = size.count
        }
    }

    @inline(__always)
    private func fill<Stored: StoredScalar>(
        _ output: UnsafeMutableBufferPointer<Float>, from voxels: UnsafeBufferPointer<Stored>, j: Int,
        _ rangeI: Range<Int>, _ rangeK: Range<Int>
    ) {
        for k in rangeK {
            let source = (k * size.j + j) * size.i
            for i in rangeI {
                let stored = voxels[source + i].asDouble
                let value = scaling.map { stored * $0.slope + $0.inter } ?? stored
                output[(i * size.j + j) * size.k + k] = Float(value)
            }
        }
    }
}
