internal import SegCore
package import SegImaging

extension IntensityFingerprint {
    /// Measures every channel over cases; nnU-Net's `DatasetFingerprintExtractor`.
    ///
    /// As in nnU-Net, the voxels are those of the classes within the box of the voxels that are not 0, on the scans' own
    /// grids, and 100 million of them are drawn with NumPy's generator. The numbers are nnU-Net's to the last bit if the
    /// numbers of the label maps are the classes and no voxel is ignored.
    /// - Parameters:
    ///   - channels: The number of channels of a case; a case with another number is an error.
    ///   - classes: The number of classes, background included; a label beyond is an error.
    ///   - labels: The mapping from the numbers of a label map to classes. Ignored voxels are left out.
    ///   - draws: The number of draws from all cases together.
    ///   - progress: Called with the number of finished cases and the name of the next one.
    /// - Returns: A fingerprint per channel.
    /// - Throws: `DataError` naming the file that cannot be used, or if no case has a voxel of a class.
    package static func measured(
        over cases: [DatasetCase], channels: Int, classes: Int, labels: LabelScheme, draws: Int = 100_000_000,
        progress: (Int, String) -> Void = { _, _ in }
    ) throws -> [IntensityFingerprint] {
        let count = max(1, draws / max(1, cases.count))
        var foreground: [[ForegroundDraws]] = []
        for (number, item) in cases.enumerated() {
            progress(number, item.name)
            let (image, classes) = try item.read(channels: channels, classes: classes, labels: labels) { _ in }
            foreground.append(try draw(count, from: image, classes, of: item))
        }
        return try (0..<channels).map { channel in
            guard let statistics = ForegroundStatistics(of: foreground.map { $0[channel] }, count: count) else {
                throw DataError(
                    .badData, cases.first?.label ?? "the dataset",
                    "has no voxel of a class, and neither has any other training case; the fingerprint of the intensities "
                        + "cannot be measured")
            }
            return try IntensityFingerprint(
                mean: statistics.mean, deviation: statistics.deviation, lower: statistics.low, upper: statistics.high)
        }
    }

    /// Draws from each channel of a case.
    private static func draw(
        _ count: Int, from image: ScanImage, _ classes: Volume, of item: DatasetCase
    ) throws -> [ForegroundDraws] {
        // nnU-Net holds a scan as (z, y, x), and the order of the voxels decides which ones are drawn.
        let steps = Preprocessing([
            .nnUNetTranspose(try NNUNetTranspose(forward: [0, 1, 2])), .nnUNetCrop(NNUNetCrop()),
        ])
        let prepared = try steps(image, name: item.image)
        let labels = try steps.labels(classes, for: prepared, name: item.label)
        let ignored = Float(LabelScheme.ignoredClass)
        return ForegroundDraws.ofCase(
            prepared.image.channels, labels: labels.voxels.map { $0 == ignored ? 0 : $0 }, count: count)
    }
}
