internal import Foundation
public import SegBackend
internal import SegCore
public import SegData
package import SegImaging
internal import SegInference
internal import SegMetrics

/// The cases that a fold sets aside, predicted by the network that its training ended with; nnU-Net's final validation.
///
/// Masks go to `validation/CASE.nii.gz` of the run folder, and `validation/summary.json` beside them. A case that is there,
/// of the same weights, is not predicted again.
public struct FoldValidation {
    /// A mask that is measured against its label map.
    package struct Measured {
        let name: String
        let files: (mask: String, label: String)
        /// Background where voxels take no part.
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
    /// What the model expects.
    let model: ModelDescription
    private let cases: [DatasetCase]
    private let truth: TruthReader

    /// Finds the cases of a fold.
    /// - Throws: `DataError` where there is no model, or the dataset lacks a case.
    public init(_ run: FoldRun, dataset: Dataset) throws {
        self.run = run
        model = try ModelFolder.description(of: run.modelFolder)
        cases = try dataset.split(validation: run.split.validation).validation
        truth = TruthReader(model, of: dataset)
    }

    /// Where masks and summary go.
    public var folder: String { "\(run.folder)/validation" }
    private func mask(_ item: DatasetCase) -> String { "\(folder)/\(item.name).nii.gz" }
    /// Labels of the foreground.
    var labels: [Int] { get throws { Array(1..<(try model.classCount)) } }

    /// Predicts the cases that are not yet predicted, and writes the summary.
    /// - Throws: `DataError` naming a file that cannot be read or written; errors of the model.
    public func complete(on backend: any Backend, report: (DatasetEvaluation.Event) -> Void) throws {
        try OutputFolder.make(folder)
        DurableFile.removeLeftovers(in: folder)
        let record = try ConfigValue.object(["weights": .string(weightsDigest())]).jsonText()
        let recordFile = "\(folder)/source.json"
        if FileManager.default.contents(atPath: recordFile) != Data(record.utf8) {
            for item in cases { try? FileManager.default.removeItem(atPath: mask(item)) }
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

    private func weightsDigest() throws -> String {
        try ContentDigest.of(file: Predictor.weightsFile(in: run.modelFolder), .sha256)
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
                    prediction: TruthReader.background(prediction, where: ignored), truth: classes, ignored: ignored,
                    label: label))
        }
    }
}
