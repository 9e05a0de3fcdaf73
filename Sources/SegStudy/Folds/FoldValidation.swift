internal import Foundation
public import SegBackend
internal import SegCore
public import SegData
package import SegImaging
internal import SegInference
internal import SegMetrics
internal import SegTrain

/// The validation cases of a fold, predicted by the final network of its run; nnU-Net's final validation.
///
/// Masks are written to `validation/CASE.nii.gz` of the run folder, with `validation/summary.json` beside them. A case
/// is not predicted again if its mask exists and was made with the same weights, model and scan.
public struct FoldValidation {
    /// A mask that is measured against its label map.
    package struct Measured {
        let name: String
        let files: (mask: String, label: String)
        /// The mask as predicted, also at ignored voxels, because these may connect components.
        let prediction: [UInt8]
        let truth: [UInt8]
        let ignored: [Bool]?
        let label: Volume

        package init(
            name: String, files: (mask: String, label: String), prediction: [UInt8], truth: [UInt8], ignored: [Bool]?,
            label: Volume
        ) {
            (self.name, self.files, self.prediction) = (name, files, prediction)
            (self.truth, self.ignored, self.label) = (truth, ignored, label)
        }
    }

    /// The run.
    public let run: FoldRun
    /// The model's description.
    let model: ModelDescription
    /// The validation cases, and no others.
    private let split: Dataset.Split
    private var cases: [DatasetCase] { split.validation }
    private let truth: TruthReader

    /// Finds the cases of a fold.
    /// - Throws: `DataError` if there is no model, or the dataset lacks a case.
    public init(_ run: FoldRun, dataset: Dataset) throws {
        self.run = run
        model = try ModelFolder.description(of: run.modelFolder)
        var split = try dataset.split(validation: run.split.validation)
        split.training = []
        self.split = split
        truth = TruthReader(model, of: dataset)
    }

    /// The folder of masks and summary.
    public var folder: String { "\(run.folder)/validation" }
    private func mask(_ item: DatasetCase) -> String { "\(folder)/\(item.name).nii.gz" }
    /// The labels of the foreground.
    var labels: [Int] { get throws { Array(1..<(try model.classCount)) } }

    /// Predicts the cases that are not predicted yet, and writes the summary.
    /// - Throws: `DataError` naming a file that cannot be read or written; errors of the model.
    public func complete(on backend: any Backend, report: (DatasetEvaluation.Event) -> Void) throws {
        try OutputFolder.make(folder)
        DurableFile.removeLeftovers(in: folder)
        let record = try source().jsonText()
        let recordFile = "\(folder)/\(Self.sourceName)"
        if FileManager.default.contents(atPath: recordFile) != Data(record.utf8) {
            for item in cases where FileManager.default.fileExists(atPath: mask(item)) {
                try removeStale(mask(item))
            }
            try OutputFolder.write(record, to: recordFile)
        }
        let left = cases.filter { !FileManager.default.fileExists(atPath: mask($0)) }
        if !left.isEmpty {
            let segmenter = Segmenter(try Ensemble([Predictor(folder: run.modelFolder, on: backend)]))
            for item in left { try predict(item, segmenter, report) }
        }
        var summary = ValidationSummary(labels: try labels)
        try forEachCase { measured in summary.add(measured) }
        try OutputFolder.write(summary.document.jsonText(), to: "\(folder)/summary.json")
    }

    private static let sourceName = "source.json"

    private func removeStale(_ file: String) throws {
        do { try FileManager.default.removeItem(atPath: file) } catch {
            throw DataError(
                .cannotWrite, file, "is from other weights or data, and removing it failed; remove it yourself")
        }
    }

    /// The inputs of the masks, by content: weights, model and images.
    /// - Throws: `DataError` if a case changed since the run was trained, or cannot be read.
    private func source() throws -> ConfigValue {
        let found = try DataFingerprint(split).digests
        let changed = found.filter { run.data?.digests[$0.key] != $0.value }.keys.sorted()
        guard changed.isEmpty else {
            throw DataError(
                .badData, run.folder,
                "was trained on other data: scan or label map of \(changed.shortList()) changed; restore them, or "
                    + "train again")
        }
        func digest(_ file: String) throws -> ConfigValue { .string(try ContentDigest.of(file: file, .sha256)) }
        return [
            "weights": try digest(Predictor.weightsFile(in: run.modelFolder)),
            "model": try digest("\(run.modelFolder)/model.json"),
            "cases": .object(found.mapValues { .string($0) }),
        ]
    }

    /// Removes the masks in a run folder's record, and the record, but no other files.
    static func remove(fromRun run: String) {
        let folder = "\(run)/validation"
        guard case .object(let source)? = try? ConfigValue(jsonFile: "\(folder)/\(sourceName)") else { return }
        var names: [String] = []
        if case .object(let cases)? = source["cases"] { names = cases.keys.map { "\($0).nii.gz" } }
        for name in names + ["summary.json", sourceName] where !name.contains("/") {
            try? FileManager.default.removeItem(atPath: "\(folder)/\(name)")
        }
        // `rmdir` removes only an empty folder.
        rmdir(folder)
        DurableFile.syncFolder(of: folder)
    }

    private func predict(_ item: DatasetCase, _ segmenter: Segmenter, _ report: (DatasetEvaluation.Event) -> Void)
        throws
    {
        let (image, geometries) = try ScanFile.readImage(item.images) { report(.note(file: $0, $1)) }
        let found = try segmenter(image, name: item.image) { done, count in
            report(.window(name: item.name, done: done, count: count))
        }
        try ScanFile.write(
            maps: found.maps, size: image.size, like: geometries[0], to: mask(item), overwrite: true)
        report(.predicted(name: item.name))
    }

    /// Reads the masks one after another.
    /// - Throws: `DataError` naming a file that cannot be read or does not fit its label map.
    func forEachCase(_ body: (Measured) throws -> Void) throws {
        for item in cases {
            let (label, _) = try ScanFile.readLabel(item.label, of: item.image, classes: truth.names)
            let (mask, _) = try ScanFile.readVolume(mask(item))
            try label.checkMatches(label: mask, imageName: item.label, labelName: self.mask(item))
            let (classes, ignored) = try truth.classes(of: label, file: item.label)
            let prediction = try LabelMap.classes(of: mask, file: self.mask(item))
            try body(
                Measured(
                    name: item.name, files: (self.mask(item), item.label),
                    prediction: prediction, truth: classes, ignored: ignored, label: label))
        }
    }
}
