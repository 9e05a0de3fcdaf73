public import Foundation
public import SegCore
internal import SegImaging

/// Phantoms on disk, as a dataset of the Medical Segmentation Decathlon: `imagesTr`, `labelsTr` and `dataset.json`.
public struct PhantomDataset: Sendable {
    /// The number of labelled cases.
    public var cases: Int
    /// The seed of all cases, which differ by their index.
    public var seed: UInt64
    /// The ranges from which the cases are drawn.
    public var options: PhantomOptions

    /// The prefix of the cases' names.
    public var prefix = "phantom"

    /// Creates a dataset description; nothing is written yet.
    public init(cases: Int, seed: UInt64, options: PhantomOptions) {
        self.cases = cases
        self.seed = seed
        self.options = options
    }

    /// Draws and writes all cases as gzipped NIfTI (16-bit image, 8-bit labels), and `dataset.json` last.
    ///
    /// - Parameters:
    ///   - folder: The dataset's folder; created if it does not exist.
    ///   - overwrite: Whether files of the same names may be replaced.
    ///   - finished: Called after each case with its name.
    /// - Throws: `DataError` if a file cannot be written or exists already.
    public func write(
        to folder: URL, overwrite: Bool, finished: (String) -> Void
    ) throws(DataError) {
        guard cases > 0 else {
            throw DataError(.badArgument, folder.path, "a phantom dataset needs at least one case, not \(cases).")
        }
        let index = folder.appendingPathComponent("dataset.json")
        guard overwrite || !FileManager.default.fileExists(atPath: index.path) else {
            throw DataError(
                .cannotWrite, index.path, "exists already; choose another folder or allow overwriting.")
        }
        for part in ["imagesTr", "labelsTr"] {
            try DurableFile.makeFolder(folder.appendingPathComponent(part).path)
        }
        let names = (0..<cases).map { prefix + String(format: "_%03d", $0) }
        for (number, name) in names.enumerated() {
            let phantom = try Phantom(seed: seed, index: number, options: options)
            let file = "\(name).nii.gz"
            try ScanFile.write(
                phantom.image.voxels.map { Int16($0) }, size: phantom.image.size, affine: phantom.image.affine,
                to: folder.appendingPathComponent("imagesTr/\(file)").path, overwrite: overwrite)
            try ScanFile.write(
                phantom.labels, size: phantom.label.size, affine: phantom.label.affine,
                to: folder.appendingPathComponent("labelsTr/\(file)").path, overwrite: overwrite)
            finished(name)
        }
        try self.index(names).write(to: index)
    }

    private func index(_ names: [String]) -> DatasetIndex {
        DatasetIndex(
            name: "Phantom", description: "Synthetic abdominal CT, seed \(seed); not from patients",
            channelNames: ["CT"],
            labels: PhantomLabel.names.filter { options.labelsAllOrgans || $0.key <= 1 },
            training: names.map {
                DatasetIndex.Entry(images: ["./imagesTr/\($0).nii.gz"], label: "./labelsTr/\($0).nii.gz")
            },
            test: [])
    }
}
