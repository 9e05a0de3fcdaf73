internal import SegCore
internal import SegImaging
internal import SegInference

extension NNUNetFingerprint {
    /// Measures the scans of a dataset, one after the other; nnU-Net's `DatasetFingerprintExtractor`.
    ///
    /// Foreground voxels are drawn as in NumPy with nnU-Net's seed, so the statistics equal nnU-Net's exactly.
    /// - Parameter progress: Called with the number of finished cases and the name of the next one.
    /// - Throws: `DataError` that names every case which cannot be used.
    public init(_ raw: NNUNetRawDataset, progress: (Int, String) throws -> Void) throws {
        try self.init(raw, draws: 100_000_000, progress: progress)
    }

    /// Measures scans with a given number of draws from the whole dataset.
    package init(_ raw: NNUNetRawDataset, draws: Int, progress: (Int, String) throws -> Void) throws {
        let faults = FaultList(source: raw.folder, key: nil)
        let isSheared = (try? ScanFile.layout(of: raw.cases[0].images[0]).geometry.affine.isSheared) ?? false
        let reader = raw.training.reader(isSheared: isSheared)
        let count = draws / raw.cases.count
        var findings: [CaseFinding] = []
        for (number, item) in raw.cases.enumerated() {
            try progress(number, item.name)
            faults.part {
                findings.append(try CaseFinding(item, of: raw.training.dataset, reader: reader, draws: count))
            }
        }
        try faults.finish()
        let intensities = try raw.training.dataset.channels.indices.map { channel in
            let draws = findings.map { $0.foreground[channel] }
            guard let statistics = ForegroundStatistics(of: draws, count: count) else {
                throw DataError(.badData, raw.folder, "no case has a voxel of a label above 0; nothing can be planned")
            }
            return statistics
        }
        self.init(
            source: raw.folder, spacings: findings.map(\.spacing), shapes: findings.map(\.shape),
            relativeSizes: findings.map(\.relativeSize), intensities: intensities, isSheared: isSheared)
    }
}

/// The measurements of one case for a fingerprint.
private struct CaseFinding {
    let spacing: [Double]
    let shape: [Int]
    let relativeSize: Double
    /// The foreground draws of each channel.
    let foreground: [ForegroundDraws]

    init(_ item: NNUNetRawDataset.Case, of dataset: NNUNetDataset, reader: String, draws: Int) throws {
        let image = try Self.image(item)
        var steps: [PreprocessingStep] = []
        if reader.hasSuffix("WithReorient") { steps.append(.orientation(try Orientation(axisCodes: "RAS"))) }
        // nnU-Net's readers hold a scan as (z, y, x), and the fingerprint always has this order.
        steps += [.nnUNetTranspose(try NNUNetTranspose(forward: [0, 1, 2])), .nnUNetCrop(NNUNetCrop())]
        let preprocessing = Preprocessing(steps)
        let prepared = try preprocessing(image, name: item.images[0])
        let file = try ScanFile.readVolume(item.label).volume
        try Self.check(file, item.label, dataset)
        if file.size == image.size { try Self.checkPlace(of: file, item.label, on: image, item.images[0]) }
        let labels = try preprocessing.labels(file, for: prepared, name: item.label)
        let size = prepared.image.size
        shape = [size.d, size.h, size.w]
        spacing = prepared.image.affine.statedEdges
        relativeSize = Double(size.count) / Double(image.size.count)
        foreground = ForegroundDraws.ofCase(prepared.image.channels, labels: labels.voxels, count: draws)
    }

    /// Reads the channels, which nnU-Net accepts only if they have one grid.
    private static func image(_ item: NNUNetRawDataset.Case) throws -> ScanImage {
        var image: ScanImage?
        for file in item.images {
            let volume = try ScanFile.readVolume(file).volume
            guard volume.size.w > 1 else {
                throw DataError(.badData, file, "is a single slice; datasets of single slices are not supported")
            }
            guard volume.voxels.allSatisfy(\.isFinite) else {
                throw DataError(
                    .badData, file, "holds voxels that are not finite, which nnU-Net does not accept either")
            }
            guard let first = image else {
                image = ScanImage(volume)
                continue
            }
            let edges = zip(volume.affine.statedEdges, first.affine.statedEdges)
            guard volume.size == first.size, edges.allSatisfy({ abs($0 - $1) <= 1e-5 * $1 }) else {
                throw DataError(
                    .badData, file,
                    "has \(volume.size) voxels of \(volume.affine.statedEdges) mm, but \(item.images[0]) "
                        + "has \(first.size) of \(first.affine.statedEdges); the channels of a case should have one grid"
                )
            }
            try Self.checkPlace(of: volume, file, on: first, item.images[0])
            image?.channels.append(volume.voxels)
        }
        guard let image else { throw DataError(.badData, item.name, "has no scan") }
        return image
    }

    /// Checks that a volume has the position and direction of the first scan, which size and spacing do not show.
    private static func checkPlace(
        of volume: Volume, _ file: String, on image: ScanImage, _ name: String
    ) throws {
        guard let apart = image.affine.distance(to: volume.affine, size: image.size) else { return }
        throw DataError(
            .badData, file,
            "lies \((apart * 100).rounded() / 100) mm off \(name) at a corner, because origin or direction differ; the files "
                + "of a case should have the same grid")
    }

    /// Checks that a label map holds only numbers that the dataset names.
    private static func check(_ labels: Volume, _ file: String, _ dataset: NNUNetDataset) throws {
        let known = Set(dataset.labels.flatMap(\.numbers) + dataset.ignored).union([0])
        let odd = Set(labels.voxels).filter { value in Int(exactly: value).map { !known.contains($0) } ?? true }
        guard odd.isEmpty else {
            throw DataError(
                .badData, file,
                "holds \(odd.sorted().map { "\($0)" }.shortList()), for which dataset.json has no label")
        }
    }
}
