public import SegCore

/// The channels of a case on one grid, such as a CT, or T1, T2 and FLAIR of one patient.
public struct ScanImage: Sendable {
    /// Intensities, one array of `size.count` voxels for each channel.
    public var channels: [[Float]]
    /// The size in voxels.
    public var size: Triple
    /// The affine from voxel index to RAS+ mm.
    public var affine: Affine
    /// The names of the scans whose grid differed from the first scan's and that were resampled onto the first scan's
    /// grid.
    public private(set) var resampledNames: [String] = []

    /// Creates an image of one channel.
    public init(_ volume: Volume) {
        channels = [volume.voxels]
        size = volume.size
        affine = volume.affine
    }

    /// Creates an image from several scans of one patient, each a channel.
    ///
    /// A scan on a different grid than the first is resampled onto the first scan's grid, trilinearly. Voxels of this
    /// grid outside the resampled scan repeat its border. A scan that is less than half a voxel off is not resampled.
    /// - Parameters:
    ///   - volumes: The scans, at least one.
    ///   - names: The files of the scans, for errors and notes.
    ///   - note: Called with a scan's name and a sentence if its grid differs.
    /// - Throws: `DataError` naming a scan that does not overlap the first, or whose affine cannot be inverted.
    public init(_ volumes: [Volume], names: [String], note: (_ name: String, String) -> Void) throws(DataError) {
        precondition(!volumes.isEmpty && volumes.count == names.count, "an image needs scans and a name for each")
        self.init(volumes[0])
        for (volume, name) in zip(volumes.dropFirst(), names.dropFirst()) {
            if volume.size == size, affine.distance(to: volume.affine, size: size) == nil {
                if !affine.isClose(to: volume.affine) {
                    note(name, "is less than half a voxel off \(names[0]) and is treated as if on the same grid.")
                }
                channels.append(volume.voxels)
                continue
            }
            channels.append(try Self.resampled(volume, name: name, onto: volumes[0], firstName: names[0]).voxels)
            resampledNames.append(name)
            note(name, "its grid differs from that of \(names[0]); it is resampled to that grid.")
        }
    }

    private static func resampled(
        _ volume: Volume, name: String, onto first: Volume, firstName: String
    ) throws(DataError) -> Volume {
        guard let map = GridMap(source: (volume.affine, volume.size), destination: (first.affine, first.size)) else {
            throw DataError(.badData, name, "its affine cannot be inverted; repair the header")
        }
        let middle = map.matrix(Double(first.size.d) / 2, Double(first.size.h) / 2, Double(first.size.w) / 2)
        let isInside = zip([middle.x, middle.y, middle.z], 0..<3).allSatisfy { $0 >= 0 && $0 < Double(volume.size[$1]) }
        guard isInside else {
            throw DataError(
                .badData, name,
                "does not contain the centre of \(firstName); the channels of a case must be scans of one patient "
                    + "and one region")
        }
        try FreeMemory.check(
            arrays: 4 * first.size.count, subject: name, for: "resampling it to \(first.size) voxels",
            advice: "cut the scan, or free memory")
        return volume.resampled(by: map, affine: first.affine, .trilinear)
    }

    /// One channel as a volume.
    public func volume(_ channel: Int) -> Volume { Volume(voxels: channels[channel], size: size, affine: affine) }

    /// The number of voxels that are NaN or infinite, over all channels.
    public var nonFiniteCount: Int { channels.indices.reduce(0) { $0 + volume($1).nonFiniteCount } }

    /// The voxels with their channels adjacent, the layout of a network's input, `[D, H, W, C]`.
    public var interleaved: [Float] {
        guard channels.count > 1 else { return channels[0] }
        let (count, width) = (size.count, channels.count)
        return [Float](unsafeUninitializedCapacity: count * width) { output, initialised in
            nonisolated(unsafe) let output = output
            for (channel, voxels) in channels.enumerated() {
                voxels.withUnsafeBufferPointer { voxels in
                    nonisolated(unsafe) let voxels = voxels
                    concurrently(count) { part in
                        for voxel in part { output[voxel * width + channel] = voxels[voxel] }
                    }
                }
            }
            initialised = count * width
        }
    }

    /// The image with the same change applied to each channel.
    func map(_ change: (Volume) throws(DataError) -> Volume) throws(DataError) -> ScanImage {
        let first = try change(volume(0))
        var result = ScanImage(first)
        result.resampledNames = resampledNames
        for channel in channels.indices.dropFirst() { result.channels.append(try change(volume(channel)).voxels) }
        return result
    }
}
