public import SegCore

extension StoredScan {
    /// The image as a volume; trailing dimensions of 1 are dropped. `path` is for errors.
    ///
    /// The voxel (i, j, k) of the volume is the file's voxel (i, j, k), scaled.
    ///
    /// - Throws: `DataError` if the image is not 3-D.
    public func volume(path: String) throws(DataError) -> Volume {
        let size = try size3D(path: path)
        return Volume(voxels: channel(0, size: size), size: size, affine: affine)
    }

    /// The image with the volumes along its fourth dimension as channels. `path` is for errors.
    ///
    /// - Throws: `DataError` if the image has neither three nor four dimensions.
    func image(path: String) throws(DataError) -> ScanImage {
        guard shape.count == 4, shape[3] > 1 else { return ScanImage(try volume(path: path)) }
        let size = try Self.size(of: Array(shape.prefix(3)), layout.extents, path: path)
        try FreeMemory.check(
            arrays: 4 * size.count * shape[3], subject: path, for: "its \(shape[3]) channels of \(size) voxels",
            advice: "cut the scan, or free memory")
        var image = ScanImage(Volume(voxels: channel(0, size: size), size: size, affine: affine))
        for number in 1..<shape[3] { image.channels.append(channel(number, size: size)) }
        return image
    }

    /// The voxels of one volume along the fourth dimension, in `Volume`'s order.
    private func channel(_ number: Int, size: Triple) -> [Float] {
        StageClock.time("unpack") {
            withStored(ToVolumeOrder(size: size, first: number * size.count, scaling: scaling))
        }
    }

    /// The size of a 3-D image. `path` is for errors.
    ///
    /// - Throws: `DataError` if the image has fewer or more dimensions.
    func size3D(path: String) throws(DataError) -> Triple {
        var extents = shape
        while extents.count > 3, extents.last == 1 { extents.removeLast() }
        guard extents.count == 3 else {
            let advice = shape.count > 3 ? "Split it and give one 3-D volume." : "Give a whole scan, not a slice."
            throw DataError(
                .badData, path,
                "has \(shape.count) dimensions (\(layout.extents)); a 3-D volume was expected. \(advice)")
        }
        return try Self.size(of: extents, layout.extents, path: path)
    }

    private static func size(of extents: [Int], _ text: String, path: String) throws(DataError) -> Triple {
        guard extents.allSatisfy({ $0 <= Limits.scanAxis }) else {
            throw DataError(
                .badData, path,
                "is \(text) voxels; at most \(Limits.scanAxis) along an axis were expected. Cut the scan.")
        }
        return Triple(extents[0], extents[1], extents[2])
    }
}

/// Converts voxels from the file's order (axis 0 fastest) to a volume's (axis 2 fastest), and scales them.
private struct ToVolumeOrder: StoredVisitor, Sendable {
    var size: Triple
    /// The index in the file of the first voxel of the volume.
    var first: Int
    var scaling: (slope: Double, inter: Double)?

    func visit<Stored: StoredScalar>(_ voxels: UnsafeBufferPointer<Stored>) -> [Float] {
        [Float](unsafeUninitializedCapacity: size.count) { output, count in
            nonisolated(unsafe) let (output, voxels) = (output, voxels)
            // Tiles over i and k make both arrays use whole cache lines.
            let tile = 32
            concurrently((size.d + tile - 1) / tile) { tiles in
                for firstI in tiles.map({ $0 * tile }) {
                    for firstK in stride(from: 0, to: size.w, by: tile) {
                        for j in 0..<size.h {
                            fill(
                                output, from: voxels, j: j, firstI..<min(firstI + tile, size.d),
                                firstK..<min(firstK + tile, size.w))
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
            let source = first + (k * size.h + j) * size.d
            for i in rangeI {
                let stored = voxels[source + i].asDouble
                let value = scaling.map { stored * $0.slope + $0.inter } ?? stored
                output[(i * size.h + j) * size.w + k] = Float(value)
            }
        }
    }
}
